"""The convolutional network of Koch, Zemel and Salakhutdinov, 2015, ICML deep learning workshop, figure 4.

It has no batch normalisation: nothing depends on the other images of a batch, and there are no statistics to keep.

Axes: `S` images, `D` features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Params
from agents.nn.embeddings import Embedded

SIZE = 105  # pixels, the side of a drawing
BLOCKS = ((64, 10, True), (128, 7, True), (128, 4, True), (256, 4, False))  # filters, their side, pooling
FLAT = 256 * 6 * 6  # 105 -> 96 -> 48 -> 42 -> 21 -> 18 -> 9 -> 6
DIM = 4096
FILTERS, BIAS, SPREAD, DENSE = 0.01, 0.5, 0.01, 0.2  # section 3.2: sd of filters, mean and sd of biases, sd of layers


class Koch:
    """Four valid convolutions with ReLU, three of them pooled, and a layer of 4096 sigmoids."""

    dim = DIM

    def init(self, generator: torch.Generator) -> Params:
        """Everything is drawn from a normal distribution (section 3.2)."""
        params: Params = {}
        channels = 1
        for i, (filters, side, _) in enumerate(BLOCKS):
            params[f"conv{i}.weight"] = FILTERS * torch.randn(filters, channels, side, side, generator=generator)
            params[f"conv{i}.bias"] = draw_biases(filters, generator)
            channels = filters
        params["dense.weight"] = DENSE * torch.randn(DIM, FLAT, generator=generator)
        params["dense.bias"] = draw_biases(DIM, generator)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, measures: bool = False) -> Embedded:
        """x [S, 1, 105, 105] -> z [S, 4096] in (0, 1); there are no statistics to be given or measured."""
        for i, (_, _, pools) in enumerate(BLOCKS):
            x = F.relu(F.conv2d(x, params[f"conv{i}.weight"], params[f"conv{i}.bias"]))
            x = F.max_pool2d(x, 2) if pools else x
        return Embedded(F.linear(x.flatten(1), params["dense.weight"], params["dense.bias"]).sigmoid(), {})


def draw_biases(count: int, generator: torch.Generator) -> Tensor:
    """Biases of any layer, [count]."""
    return BIAS + SPREAD * torch.randn(count, generator=generator)
