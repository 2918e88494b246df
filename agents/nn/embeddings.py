"""Embeddings of images as pure functions of a dict of tensors, all safe under `vmap`.

Batch normalisation has no state: it normalises by the statistics of its batch, or by statistics passed to it, and can
return those of its batch. Which of them a learner uses is a setting, `bn`:

    transductive    the queries' own batch (MAML, Finn et al. 2017); the output for a query depends on the others
    support         the statistics of the support images
    running         statistics of training images, measured after training
    none            the network has no batch normalisation (Koch et al. 2015)

Axes: `S` images, `c` channels, `H` x `H` pixels, `D` features.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.batch_norm import EPS, batch_norm
from agents.nn.layout import channels_last
from agents.nn.pooling import max_pool
from agents.records import Params, select_prefix

BatchNorm = Literal["transductive", "support", "running", "none"]
Down = Literal["pool", "stride"]
RUNNING = "running."  # prefix in theta of statistics measured after training


class Embedded(NamedTuple):
    """Features, and on request the batch statistics."""

    z: Tensor  # [S, D], or feature maps [S, channels, h, h]
    stats: Params


class Embedding(Protocol):
    """A network from images to features."""

    dim: int  # D

    def init(self, generator: torch.Generator) -> Params: ...

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        """Features of x, normalised by `stats` if given; return_stats: also the statistics of this batch."""


class Conv4:
    """Four blocks of 3x3 convolution, batch normalisation and ReLU for images of so many channels and pixels of a side.

    `pool`: each block ends in 2x2 max pooling (Vinyals et al. 2016, Snell et al. 2017); 64 features for 28 x 28 pixels.
    `stride`: convolutions of stride 2, and global average pooling at the end (Finn et al. 2017).
    """

    def __init__(
        self, channels: int = 64, down: Down = "pool", image: tuple[int, int] = (1, 28), blocks: int = 4
    ) -> None:
        self.channels, self.down, self.blocks = channels, down, blocks
        self.inputs, side = image
        for _ in range(blocks):
            side = side // 2 if down == "pool" else (side + 1) // 2
        self.dim = channels if down == "stride" else channels * side * side

    def init(self, generator: torch.Generator) -> Params:
        """Xavier-uniform filters without bias (normalisation would cancel it), scale 1 and shift 0."""
        params: Params = {}
        for i in range(self.blocks):
            weight = torch.empty(self.channels, self.inputs if i == 0 else self.channels, 3, 3)
            torch.nn.init.xavier_uniform_(weight, generator=generator)
            params[f"conv{i}.weight"] = weight
            params[f"conv{i}.scale"], params[f"conv{i}.shift"] = torch.ones(self.channels), torch.zeros(self.channels)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        """x [S, c, H, H] -> z [S, D]."""
        used: Params = {}
        x = channels_last(x)
        for i in range(self.blocks):
            x = F.conv2d(x, params[f"conv{i}.weight"], stride=2 if self.down == "stride" else 1, padding=1)
            x, block_stats = normalise(
                x, params[f"conv{i}.scale"], params[f"conv{i}.shift"], stats, f"conv{i}", return_stats
            )
            used |= block_stats
            x = F.relu(max_pool(x) if self.down == "pool" else x)  # ReLU and maximum commute; this order is cheaper
        return Embedded(x.mean((2, 3)) if self.down == "stride" else x.flatten(1), used)


class ConvClassifier:
    """An embedding and a linear layer to `way` logits; each batch is normalised by itself (`transductive`)."""

    head = ("last.weight", "last.bias")

    def __init__(self, embedding: Embedding, way: int) -> None:
        self.embedding, self.way = embedding, way

    def init(self, generator: torch.Generator) -> Params:
        """The last layer starts at zero, so that all classes are equally probable; chosen."""
        last = {"last.weight": torch.zeros(self.way, self.embedding.dim), "last.bias": torch.zeros(self.way)}
        return self.embedding.init(generator) | last

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """x [S, c, H, H] -> logits [S, way]."""
        return self.embedding(params, x).z @ params["last.weight"].T + params["last.bias"]


def normalise(
    x: Tensor, scale: Tensor, shift: Tensor, stats: Params | None, name: str, return_stats: bool = False
) -> tuple[Tensor, Params]:
    """Batch normalisation of feature maps [S, channels, h, h] by `stats`, or by those of the batch if it is None.

    return_stats: also return the statistics of the batch under `name`, at the cost of another pass over the maps.
    """
    used: Params = {}
    if return_stats:
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        used = {f"{name}.mean": mean, f"{name}.var": var}
    if stats is None:
        return batch_norm(x, scale, shift), used
    gain = scale * (stats[f"{name}.var"] + EPS).rsqrt()
    offset = shift - stats[f"{name}.mean"] * gain
    return torch.addcmul(offset[:, None, None], x, gain[:, None, None]), used


def running_stats(theta: Params) -> Params | None:
    """The statistics measured after training, if theta contains them."""
    return select_prefix(RUNNING, theta) or None
