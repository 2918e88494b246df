"""Recurrent cells as pure functions of a dict of tensors: `torch.nn.LSTM` has no rule under `vmap`."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.learner import Params


def init_lstm(name: str, inputs: int, hidden: int, generator: torch.Generator, recurrent: int | None = None) -> Params:
    """Weights of one cell, uniform in +-1/sqrt(hidden) as in torch, forget gate biased by 1 (Jozefowicz et al. 2015).

    recurrent: width of what is fed back, the hidden state by default.
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


def lstm_cell(params: Params, name: str, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step (Hochreiter and Schmidhuber 1997, with forget gate): x [..., I], h [..., R], c [..., H] -> h, c."""
    gates = x @ params[f"{name}.input"].T + h @ params[f"{name}.recurrent"].T + params[f"{name}.bias"]
    i, f, g, o = gates.chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
