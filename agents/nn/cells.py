"""Recurrent cells as pure functions of a dict of tensors: `torch.nn.LSTM` has no `vmap` rule."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.records import Params


def init_lstm(name: str, inputs: int, hidden: int, generator: torch.Generator, recurrent: int | None = None) -> Params:
    """Weights of one cell, uniform in +-1/sqrt(hidden) as in torch; forget gate bias 1 (Jozefowicz et al. 2015).

    recurrent: width of the recurrent input, that of the hidden state by default.
    """
    recurrent = hidden if recurrent is None else recurrent
    bound = hidden**-0.5
    bias = torch.zeros(4 * hidden)
    bias[hidden : 2 * hidden] = 1.0
    return {
        f"{name}.input": torch.empty(4 * hidden, inputs).uniform_(-bound, bound, generator=generator),
        f"{name}.recurrent": torch.empty(4 * hidden, recurrent).uniform_(-bound, bound, generator=generator),
        f"{name}.bias": bias,
    }


def lstm_initial_state(like: Tensor, hidden: int) -> Params:
    """Hidden state h and cell state c of zero, [H] each."""
    return {"h": like.new_zeros(hidden), "c": like.new_zeros(hidden)}


def project(params: Params, name: str, x: Tensor) -> Tensor:
    """The input projection of x [..., I], which does not depend on the state: of a whole sequence at once."""
    return x @ params[f"{name}.input"].T + params[f"{name}.bias"]


def lstm_step(params: Params, name: str, projected: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step (Hochreiter and Schmidhuber 1997, with forget gate): h [..., R], c [..., H] -> h, c [..., H]."""
    i, f, g, o = (projected + h @ params[f"{name}.recurrent"].T).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_cell(params: Params, name: str, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step from an input x [..., I]: `project` and `lstm_step`."""
    return lstm_step(params, name, project(params, name, x), h, c)


def init_gru(name: str, inputs: int, hidden: int, generator: torch.Generator) -> Params:
    """Weights of one cell, uniform in +-1/sqrt(hidden) as in torch."""
    bound = hidden**-0.5
    shapes = {"input": (3 * hidden, inputs), "recurrent": (3 * hidden, hidden), "bias": (3 * hidden,)}
    params = {f"{name}.{k}": torch.empty(s).uniform_(-bound, bound, generator=generator) for k, s in shapes.items()}
    return params | {f"{name}.recurrent_bias": torch.empty(hidden).uniform_(-bound, bound, generator=generator)}


def gru_step(params: Params, name: str, projected: Tensor, h: Tensor) -> Tensor:
    """One step (Cho et al. 2014, the reset gate after the product, as in torch): h [..., H] -> h."""
    size = h.shape[-1]
    from_h = h @ params[f"{name}.recurrent"].T
    r, z = (projected[..., : 2 * size] + from_h[..., : 2 * size]).sigmoid().chunk(2, -1)
    n = (projected[..., 2 * size :] + r * (from_h[..., 2 * size :] + params[f"{name}.recurrent_bias"])).tanh()
    return (1 - z) * n + z * h
