"""The order of images in memory: channels last, in which convolutions, pooling and normalisation are fastest.

Axes: `S` images, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """The same images [S, c, H, H] with their channels next to each other; as they are under `vmap`.

    Every layer keeps the order of its input, so that one call before the first is enough. Tasks with weights of their
    own are groups of one convolution, which gains nothing from it.
    """
    out: Tensor = _ChannelsLast.apply(x)  # type: ignore[no-untyped-call]
    return out


class _ChannelsLast(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone(memory_format=torch.channels_last)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> tuple[Tensor, int | None]:
        return x.view_as(x), in_dims[0]  # the input itself would lose second derivatives
