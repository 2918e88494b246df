"""Batch normalisation by the batch itself, by torch's fused kernels, to be differentiated as often as one likes.

torch's own second derivative of it is wrong under `vmap` (seen with torch 2.13: 1 % off for two tasks in float64), and
its formula in plain operations is right but three times slower than the kernels. Here the value and the first
derivative are kernels, and the second is written out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

EPS = 1e-5
AXES = (0, 2, 3)


def batch_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Maps [S, channels, h, h] with mean 0 and variance 1 over S, h and h, then scaled and shifted by [channels]."""
    out: Tensor = _BatchNorm.apply(x, scale, shift)[0]  # type: ignore[no-untyped-call]
    return out


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return torch.native_batch_norm(x, scale, shift, None, None, True, 0.0, EPS)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        _, mean, inverse = output
        ctx.mark_non_differentiable(mean, inverse)
        ctx.save_for_backward(*inputs[:2], mean, inverse)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _Backward.apply(grads[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> Any:
        n = info.batch_size
        x, scale, shift = (side_by_side(t, d, n) for t, d in zip(inputs, in_dims, strict=True))
        y, *stats = _BatchNorm.apply(x, scale, shift)  # type: ignore[no-untyped-call]
        return (apart(y, n), *(apart(s, n) for s in stats)), (1, 0, 0)


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(grad: Tensor, x: Tensor, scale: Tensor, mean: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kernel = torch.ops.aten.native_batch_norm_backward
        out: tuple[Tensor, Tensor, Tensor] = kernel(
            grad, x, scale, None, None, mean, inverse, True, EPS, [True, True, True]
        )
        return out

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return *_second(*ctx.saved_tensors, *grads), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> Any:
        n = info.batch_size
        flat = (side_by_side(t, d, n) for t, d in zip(inputs, in_dims, strict=True))
        to_x, *others = _Backward.apply(*flat)  # type: ignore[no-untyped-call]
        return (apart(to_x, n), *(apart(o, n) for o in others)), (1, 0, 0)


def side_by_side(t: Tensor, dim: int | None, n: int) -> Tensor:
    """Tasks become channels, which is where a grouped convolution has them: [S, N * C, h, h], or [N * C]."""
    at = 1 if t.dim() - (dim is not None) == 4 else 0
    t = t.unsqueeze(at).expand(*t.shape[:at], n, *t.shape[at:]) if dim is None else t.movedim(dim, at)
    return t.flatten(at, at + 1)


def apart(t: Tensor, n: int) -> Tensor:
    """Back again: [S, N, C, h, h], or [N, C]."""
    at = 1 if t.dim() == 4 else 0
    return t.reshape(*t.shape[:at], n, -1, *t.shape[at + 1 :])


def _second(
    grad: Tensor,
    x: Tensor,
    scale: Tensor,
    mean: Tensor,
    inverse: Tensor,
    to_x: Tensor,
    to_scale: Tensor,
    to_shift: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The derivatives of `_Backward` by grad, x and scale, given those by its three outputs.

    With xh the normalised maps, r their inverse deviation, and P(v) = v - mean(v) - xh mean(v xh), which is symmetric
    and linear, its outputs are scale r P(grad), sum(grad xh) and sum(grad). By grad that is scale r P(to_x) + to_scale
    xh + to_shift; by scale sum(to_x r P(grad)); and by x, of v = (to_scale - scale r mean(to_x xh)) grad - scale r
    mean(grad xh) to_x, r P(v) less what the deviation r itself does. All of it is weighted sums of the maps x, grad and
    to_x, with a number a channel for a weight, so that a few sums over each are enough.
    """
    if torch.is_grad_enabled():  # it is to be differentiated again, for which the statistics depend on x
        var, mean = torch.var_mean(x, AXES, correction=0)
        inverse = (var + EPS).rsqrt()
    r, count = inverse, x.numel() / x.shape[1]
    grad_xh, grad_mean = (s / count for s in _sums(grad, x, mean, r))
    to_x_xh, to_x_mean = (s / count for s in _sums(to_x, x, mean, r))
    by_scale = r * ((to_x * grad).sum(AXES) - count * (to_x_mean * grad_mean + to_x_xh * grad_xh))
    along = to_scale - scale * r * to_x_xh  # how much of xh there is in the derivative by grad
    by_grad = _weighed(to_shift, (to_x, scale * r, to_x_mean), (x, r * along, mean))
    against = -scale * r * grad_xh
    own = -scale * r * r * by_scale / count - r * r * (along * grad_xh + against * to_x_xh)
    by_x = _weighed(
        torch.zeros_like(scale), (x, own, mean), (grad, r * along, grad_mean), (to_x, r * against, to_x_mean)
    )
    return by_grad, by_x, by_scale


def _sums(v: Tensor, x: Tensor, mean: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Of v times the normalised maps, and of v, [C] each."""
    ones = torch.ones_like(mean)
    if torch.is_grad_enabled():
        _, *sums = _Backward.apply(v, x, ones, mean.detach(), inverse.detach())  # type: ignore[no-untyped-call]
    else:
        kernel, only_sums = torch.ops.aten.native_batch_norm_backward, [False, True, True]
        _, *sums = kernel(v, x, ones, None, None, mean, inverse, True, EPS, only_sums)
    return sums[0], sums[1]


def _weighed(offset: Tensor, *terms: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """offset [C] plus the sum of weight (v - middle) over the terms (v, weight, middle): maps, [C] and [C]."""
    out = _wide(offset - torch.stack([weight * middle for _, weight, middle in terms]).sum(0))
    for v, weight, _ in terms:
        out = torch.addcmul(out, v, _wide(weight))
    return out


def _wide(t: Tensor) -> Tensor:
    """[C] -> [C, 1, 1], to meet maps."""
    return t[:, None, None]
