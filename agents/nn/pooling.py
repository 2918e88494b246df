"""The largest of every 2 x 2 pixels, to be differentiated as often as one likes, with tasks side by side as channels.

torch's own rule under `vmap` copies the maps of all tasks into another order and back; here they stay in the one that
convolutions with weights of each task's own give and take.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.nn.batch_norm import apart, side_by_side

HALVES = ([2, 2], [2, 2], [0, 0], [1, 1], False)  # kernel, stride, padding, dilation, whether sizes are rounded up


def max_pool(x: Tensor) -> Tensor:
    """Maps [S, channels, h, h] -> [S, channels, h // 2, h // 2]; of equal pixels the first gets the gradient."""
    out: Tensor = _Pool.apply(x)[0]  # type: ignore[no-untyped-call]
    return out


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return _largest(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _Spread.apply(grads[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Any:
        n = info.batch_size
        out = _Pool.apply(side_by_side(x, in_dims[0], n))  # type: ignore[no-untyped-call]
        return tuple(apart(o, n) for o in out), (1, 1)


def _largest(x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of every 2 x 2 pixels, and where it is: row times width plus column, as torch's kernel tells it.

    On a processor that kernel goes pixel by pixel, and is a third slower than comparisons of whole maps.
    """
    if not x.is_cpu:
        found: tuple[Tensor, Tensor] = torch.ops.aten.max_pool2d_with_indices(x, *HALVES)
        return found
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    (a, b), (c, d) = ([x[..., i : 2 * height : 2, j : 2 * width : 2] for j in (0, 1)] for i in (0, 1))
    top, bottom = torch.maximum(a, b), torch.maximum(c, d)
    corner = 2 * (x.shape[-1] * torch.arange(height)[:, None] + torch.arange(width))  # [h // 2, h // 2]
    index = torch.where(bottom > top, (d > c).long().add_(x.shape[-1]), (b > a).long())
    return torch.maximum(top, bottom), index.add_(corner)


class _Spread(torch.autograd.Function):
    """What a gradient of the maxima is of the pixels: it is linear, and its own derivative picks them again."""

    @staticmethod
    def forward(grad: Tensor, x: Tensor, index: Tensor) -> Tensor:
        out: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(grad.contiguous(), x, *HALVES, index)
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (index,) = ctx.saved_tensors
        return grads[0].flatten(-2).gather(-1, index.flatten(-2)).view(index.shape), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> Any:
        n = info.batch_size
        flat = (side_by_side(t, d, n) for t, d in zip(inputs, in_dims, strict=True))
        return apart(_Spread.apply(*flat), n), 1  # type: ignore[no-untyped-call]
