"""ResNet-12, the embedding of few-shot learning on natural images, as a pure function that is safe under `vmap`.

K. Lee, S. Maji, A. Ravichandran, S. Soatto, 2019, Meta-learning with differentiable convex optimization, arXiv
1904.03758, section 4.1; after B. Oreshkin et al. 2018, arXiv 1805.10123. Departure: no DropBlock and no dropout.

Axes: `S` images, `c` channels, `H` x `H` pixels, `D` features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.embeddings import Embedded, normalise
from agents.nn.layout import channels_last
from agents.nn.pooling import max_pool
from agents.records import Params

WIDTHS = (1.0, 2.5, 5.0, 10.0)  # of the blocks, in units of the first: 64, 160, 320 and 640 channels
SLOPE = 0.1  # of the leaky ReLU below 0
MIN_SIDE = 2 ** len(WIDTHS)  # pixels that are left after as many halvings: one


class ResNet12:
    """Four residual blocks of three 3x3 convolutions, each with batch normalisation and leaky ReLU, beside a 1x1
    convolution; each block ends in 2x2 max pooling, the last one in a mean over what is left of the image.

    channels: of the first block, a multiple of 2. image: channels and pixels of a side. Raises ValueError for an odd
    number of channels, and for images of fewer than 16 pixels.
    """

    def __init__(self, channels: int = 64, image: tuple[int, int] = (3, 84)) -> None:
        if channels % 2:
            raise ValueError(f"ResNet-12 has {channels} channels in its first block, expected an even number")
        inputs, side = image
        if side < MIN_SIDE:
            raise ValueError(f"ResNet-12 halves images {len(WIDTHS)} times: {side} pixels are too few, give {MIN_SIDE}")
        self.widths = tuple(round(channels * width) for width in WIDTHS)
        self.inputs = (inputs, *self.widths[:-1])
        self.dim = self.widths[-1]

    def init(self, generator: torch.Generator) -> Params:
        """Normal filters of variance 2 / (9 outputs) (He et al. 2015, fan out), scale 1 and shift 0."""
        params: Params = {}
        for i, (inputs, width) in enumerate(zip(self.inputs, self.widths, strict=True)):
            for name, before, side in (
                ("conv0", inputs, 3),
                ("conv1", width, 3),
                ("conv2", width, 3),
                ("skip", inputs, 1),
            ):
                weight = torch.empty(width, before, side, side)
                torch.nn.init.kaiming_normal_(
                    weight, SLOPE, mode="fan_out", nonlinearity="leaky_relu", generator=generator
                )
                params[f"block{i}.{name}.weight"] = weight
                params[f"block{i}.{name}.scale"] = torch.ones(width)
                params[f"block{i}.{name}.shift"] = torch.zeros(width)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        """x [S, c, H, H] -> z [S, D]."""
        used: Params = {}
        x = channels_last(x)

        def convolved(x: Tensor, name: str) -> Tensor:
            weight, scale, shift = (params[f"{name}.{part}"] for part in ("weight", "scale", "shift"))
            maps = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
            maps, own = normalise(maps, scale, shift, stats, name, return_stats)
            used.update(own)
            return maps

        for i in range(len(self.widths)):
            h = F.leaky_relu(convolved(x, f"block{i}.conv0"), SLOPE)
            h = F.leaky_relu(convolved(h, f"block{i}.conv1"), SLOPE)
            h = convolved(h, f"block{i}.conv2") + convolved(x, f"block{i}.skip")
            x = F.leaky_relu(max_pool(h), SLOPE)  # leaky ReLU and maximum commute
        return Embedded(x.mean((2, 3)), used)
