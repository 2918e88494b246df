"""The convolutional network of Koch, Zemel and Salakhutdinov, 2015, ICML deep learning workshop, figure 4.

It has no batch normalisation: the embedding of an image does not depend on the others in its batch.

Axes: `S` images, `D` features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.embeddings import Embedded
from agents.records import Params

SIZE = 105  # pixels, height and width of an image
BLOCKS = ((64, 10, True), (128, 7, True), (128, 4, True), (256, 4, False))  # filters, kernel size, pooling
FLAT = 256 * 6 * 6  # 105 -> 96 -> 48 -> 42 -> 21 -> 18 -> 9 -> 6
DIM = 4096
CONV_STD, BIAS_MEAN, BIAS_STD, DENSE_STD = 0.01, 0.5, 0.01, 0.2  # section 3.2


class Koch:
    """Four valid convolutions with ReLU, the first three max-pooled, and a dense layer of 4096 sigmoid units."""

    dim = DIM

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels

    def init(self, generator: torch.Generator) -> Params:
        """Normal weights and biases (section 3.2)."""
        params: Params = {}
        channels = self.channels
        for i, (filters, side, _) in enumerate(BLOCKS):
            params[f"conv{i}.weight"] = CONV_STD * torch.randn(filters, channels, side, side, generator=generator)
            params[f"conv{i}.bias"] = sample_biases(filters, generator)
            channels = filters
        params["dense.weight"] = DENSE_STD * torch.randn(DIM, FLAT, generator=generator)
        params["dense.bias"] = sample_biases(DIM, generator)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        """x [S, c, 105, 105] -> z [S, 4096] in (0, 1); `stats` is ignored, and the returned statistics are empty."""
        for i, (_, _, pools) in enumerate(BLOCKS):
            x = F.relu(F.conv2d(x, params[f"conv{i}.weight"], params[f"conv{i}.bias"]))
            x = F.max_pool2d(x, 2) if pools else x
        return Embedded(F.linear(x.flatten(1), params["dense.weight"], params["dense.bias"]).sigmoid(), {})


def sample_biases(count: int, generator: torch.Generator) -> Tensor:
    """Initial biases of any layer, [count]."""
    return BIAS_MEAN + BIAS_STD * torch.randn(count, generator=generator)
