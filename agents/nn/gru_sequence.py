"""A GRU over a whole sequence, with its derivative written by hand: on a CPU faster than torch's, which differentiates
every operation of every step.

Only the product with the recurrent weights stays in the loop over steps, in either direction. Gates are computed in
place, and weights get their gradients from one product over all steps. With the gates r, z and n of a step, and
m = W_n h + b_n of the state h before it (`agents.nn.cells.gru_step`):

    n = tanh(p_n + r m)      h' = n + z (h - n)
    dn = dh' (1 - z)(1 - n^2)      dm = dn r      dr = dn m r (1 - r)      dz = dh' (h - n) z (1 - z)
    dh = dh' z + [dr, dz, dm] W

Axes: `T` steps, `B` sequences, `I` input, `H` hidden units; gates [3 H] are r, z, n.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

KERNEL = (True, 1, 0.0, True, False, False)  # biases, layers, dropout, training, bidirectional, batch_first
BLOCK = 16  # steps whose factors are computed together; measured: of 25 sequences and 128 units they stay in the caches


def run_gru(x: Tensor, h: Tensor, w_input: Tensor, w_recurrent: Tensor, bias: Tensor, new_gate_bias: Tensor) -> Tensor:
    """x [T, B, I], states h [B, H], and a cell's parameters -> the states after every step [T, B, H].

    On a GPU by torch's kernel, which is one launch for all steps. There is no `vmap` rule.
    """
    if not x.is_cuda:
        states: Tensor = GRUSequence.apply(x, h, w_input, w_recurrent, bias, new_gate_bias)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        return states
    recurrent_bias = torch.cat([torch.zeros_like(bias[: 2 * h.shape[1]]), new_gate_bias])
    weights = [w_input, w_recurrent, bias, recurrent_bias]
    return torch.gru(x, h[None].contiguous(), weights, *KERNEL)[0]


class GRUSequence(torch.autograd.Function):
    """`run_gru` on a CPU. It has no second derivative."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, w_input: Tensor, w_recurrent: Tensor, bias: Tensor, new_gate_bias: Tensor
    ) -> Tensor:
        """The states after every step, [T, B, H]."""
        (steps, count, _), size = x.shape, h.shape[1]
        gates = [_projected(x, w_input[part], bias[part]) for part in (slice(2 * size), slice(2 * size, None))]
        kept = steps if any(ctx.needs_input_grad) else 1  # what comes from the state is needed for gradients alone
        from_h = x.new_empty(kept, count, 3 * size).expand(steps, -1, -1)
        states = x.new_empty(steps + 1, count, size)
        states[0] = h
        _run(states, gates[0], gates[1], from_h, w_recurrent, new_gate_bias)
        ctx.save_for_backward(x, *gates, from_h, states, w_input, w_recurrent)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of all arguments, given that of the states."""
        x, rz, n, from_h, states, w_input, w_recurrent = ctx.saved_tensors
        steps, count, size = n.shape
        d_gates = x.new_empty(steps, count, 3 * size)  # with dm in place of dn
        d_new = torch.empty_like(n)  # dn
        dh = torch.zeros_like(states[0])
        for start in range((steps - 1) // BLOCK * BLOCK, -1, -BLOCK):
            block = slice(start, min(start + BLOCK, steps))
            m, h = from_h[block, :, 2 * size :], states[:-1][block]
            _run_back(dh, grad[block], rz[block], n[block], m, h, w_recurrent, d_gates[block], d_new[block])
        flat = d_gates.flatten(0, 1)
        d_recurrent, d_bias = flat.T @ states[:-1].flatten(0, 1), flat[:, 2 * size :].sum(0)
        d_gates[..., 2 * size :] = d_new
        dx = (flat @ w_input).view_as(x) if ctx.needs_input_grad[0] else None
        return dx, dh, flat.T @ x.flatten(0, 1), d_recurrent, flat.sum(0), d_bias


def _projected(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x [T, B, I] -> [T, B, ...]."""
    return torch.addmm(bias, x.flatten(0, 1), weight.T).view(*x.shape[:2], -1)


def _run(states: Tensor, rz: Tensor, n: Tensor, from_h: Tensor, w_recurrent: Tensor, new_gate_bias: Tensor) -> None:
    """Fill the states [T + 1, B, H] after the first; projected inputs rz [T, B, 2 H], n [T, B, H] become the gates.

    from_h: filled with the recurrent part of the gates before r is applied, [T, B, 3 H].
    """
    size = n.shape[-1]
    weight, bias = w_recurrent.T.contiguous(), torch.cat([new_gate_bias.new_zeros(2 * size), new_gate_bias])
    # what is unbound at once is not indexed at every step
    to_rz, m = from_h[..., : 2 * size].unbind(), from_h[..., 2 * size :].unbind()
    r, z = (part.unbind() for part in rz.chunk(2, -1))
    both, new, all_from_h, h = rz.unbind(), n.unbind(), from_h.unbind(), states.unbind()
    for t in range(len(n)):
        torch.addmm(bias, h[t], weight, out=all_from_h[t])
        both[t].add_(to_rz[t]).sigmoid_()
        new[t].addcmul_(r[t], m[t]).tanh_()
        torch.lerp(new[t], h[t], z[t], out=h[t + 1])


def _run_back(
    dh: Tensor,
    grad: Tensor,
    rz: Tensor,
    n: Tensor,
    m: Tensor,
    h: Tensor,
    w_recurrent: Tensor,
    d_gates: Tensor,
    d_new: Tensor,
) -> None:
    """Steps from the last to the first: fill the gradients [T, B, ...] of gates; dh [B, H] goes from after to before.

    grad: of the states after each step. h: the states before each.
    """
    (r, z), (steps, count, size) = rz.chunk(2, -1), n.shape
    to_new = (1 - z).mul_(1 - n.square())  # dn / dh'
    factors = n.new_empty(steps, 3, count, size)  # dr, dz, dm / dh'
    torch.mul(to_new, r, out=factors[:, 2])
    torch.mul(1 - r, m, out=factors[:, 0]).mul_(factors[:, 2])
    torch.mul(h - n, z, out=factors[:, 1]).mul_(1 - z)
    totals, by_gate = grad.clone(), d_gates.view(steps, count, 3, size).transpose(1, 2)
    each = zip(*(part.unbind()[::-1] for part in (totals, factors, by_gate, d_gates, z)), strict=True)
    for total, factor, gates, flat, kept in each:
        torch.mul(factor, total.add_(dh), out=gates)
        torch.mul(total, kept, out=dh)
        dh.addmm_(flat, w_recurrent)
    torch.mul(totals, to_new, out=d_new)
