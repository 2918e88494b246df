"""2x2 max pooling, differentiable any number of times, with tasks as channels under `vmap`.

torch's own `vmap` rule copies the maps of all tasks into another memory layout and back; here they stay in that of
convolutions with separate weights for each task.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.nn.batch_norm import channels_to_tasks, tasks_to_channels

POOL_ARGS = ([2, 2], [2, 2], [0, 0], [1, 1], False)  # kernel, stride, padding, dilation, ceil_mode


def max_pool(x: Tensor) -> Tensor:
    """Maps [S, channels, h, h] -> [S, channels, h // 2, h // 2]; among equal pixels the first gets the gradient."""
    out: Tensor = _Pool.apply(x)[0]  # type: ignore[no-untyped-call]
    return out


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return _max_and_index(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _Unpool.apply(grads[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> Any:
        n = info.batch_size
        out = _Pool.apply(tasks_to_channels(x, in_dims[0], n))  # type: ignore[no-untyped-call]
        return tuple(channels_to_tasks(o, n) for o in out), (1, 1)


def _max_and_index(x: Tensor) -> tuple[Tensor, Tensor]:
    """The maximum of every 2 x 2 pixels, and its index, row times width plus column, as returned by torch's kernel.

    Where channels are not last, that kernel goes pixel by pixel on a CPU, and takes a third longer than comparisons of
    whole maps.
    """
    if not x.is_cpu or x.is_contiguous(memory_format=torch.channels_last):
        out: tuple[Tensor, Tensor] = torch.ops.aten.max_pool2d_with_indices(x, *POOL_ARGS)
        return out
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    (a, b), (c, d) = ([x[..., i : 2 * height : 2, j : 2 * width : 2] for j in (0, 1)] for i in (0, 1))
    top, bottom = torch.maximum(a, b), torch.maximum(c, d)
    corner = 2 * (x.shape[-1] * torch.arange(height)[:, None] + torch.arange(width))  # [h // 2, h // 2]
    index = torch.where(bottom > top, (d > c).long().add_(x.shape[-1]), (b > a).long())
    return torch.maximum(top, bottom), index.add_(corner)


class _Unpool(torch.autograd.Function):
    """The gradient with respect to the pixels, linear in the incoming gradient; its derivative gathers the maxima."""

    @staticmethod
    def forward(grad: Tensor, x: Tensor, index: Tensor) -> Tensor:
        last = x.is_contiguous(memory_format=torch.channels_last)
        grad = grad.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        out: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(grad, x, *POOL_ARGS, index)
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
        flat = (tasks_to_channels(t, d, n) for t, d in zip(inputs, in_dims, strict=True))
        return channels_to_tasks(_Unpool.apply(*flat), n), 1  # type: ignore[no-untyped-call]
