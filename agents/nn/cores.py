"""Recurrent cores as pure functions of a dict of tensors.

A core maps an input and its memory to features and a new memory. The part that depends on the input alone,
`project_input`, is computed for a whole sequence at once. A core accepts any leading axes `...`: one sequence, the
episodes of a task, or queries that all start from the same memory.

Axes: `T` time steps, `B` sequences, `I` input, `J` projected input, `H` hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from agents.nn.cells import gru_step, init_gru, init_lstm, lstm_step, project
from agents.nn.gru_sequence import KERNEL, run_gru
from agents.records import Params


class Core(Protocol):
    """A recurrent network with an explicit memory."""

    @property
    def dim(self) -> int:
        """Width of the features."""

    def init(self, generator: torch.Generator) -> Params:
        """Initial weights."""

    def initial_state(self, theta: Params) -> Params:
        """The initial memory, without leading axes: it broadcasts to those of the first input."""

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        """x [..., I] -> the input of `step`, [..., J]."""

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """Projected input [..., J] -> a new memory, and features [..., dim]."""


@runtime_checkable
class ParallelCore(Protocol):
    """A core that processes all time steps in parallel."""

    def run(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """Projected inputs [T, ..., J] -> the memory after them, and features [T, ..., dim]."""


@runtime_checkable
class FusedCore(Protocol):
    """A core with a fused torch kernel, faster than a loop, but without a `vmap` rule."""

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        """x [T, B, I] -> the memory after it, and features [T, B, dim]."""


@dataclass(frozen=True)
class GatedCell:
    """What LSTM and GRU share. inputs: I. hidden: H, the width of the features."""

    inputs: int
    hidden: int = 200

    @property
    def dim(self) -> int:
        return self.hidden

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)


@dataclass(frozen=True)
class LSTM(GatedCell):
    """LSTM (Hochreiter and Schmidhuber 1997)."""

    def init(self, generator: torch.Generator) -> Params:
        return init_lstm("controller", self.inputs, self.hidden, generator)

    def initial_state(self, theta: Params) -> Params:
        zero = theta["controller.bias"].new_zeros(self.hidden)
        return {"h": zero, "c": zero}

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        h, c = lstm_step(theta, "controller", projected, memory["h"], memory["c"])
        return {"h": h, "c": c}, h

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        start = [memory[k].expand(1, x.shape[1], -1).contiguous() for k in ("h", "c")]
        bias = theta["controller.bias"]
        weights = [theta["controller.input"], theta["controller.recurrent"], bias, torch.zeros_like(bias)]
        features, h, c = torch.lstm(x, start, weights, *KERNEL)
        return {"h": h[0], "c": c[0]}, features


@dataclass(frozen=True)
class GRU(GatedCell):
    """GRU (Cho et al. 2014, arXiv 1406.1078)."""

    def init(self, generator: torch.Generator) -> Params:
        return init_gru("controller", self.inputs, self.hidden, generator)

    def initial_state(self, theta: Params) -> Params:
        return {"h": theta["controller.bias"].new_zeros(self.hidden)}

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        h = gru_step(theta, "controller", projected, memory["h"])
        return {"h": h}, h

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        h = memory["h"].expand(x.shape[1], -1)
        weights = [theta[f"controller.{part}"] for part in ("input", "recurrent", "bias", "recurrent_bias")]
        features = run_gru(x, h, *weights)
        return {"h": features[-1]}, features


def run(core: Core, theta: Params, memory: Params, x: Tensor, fused: bool = False) -> tuple[Params, Tensor]:
    """A whole sequence x [T, ..., I] -> the last memory, and the features of every step [T, ..., dim].

    fused: use a fused kernel if there is one; x is then [T, B, I] and not under `vmap`.
    """
    if fused and isinstance(core, FusedCore):
        return core.fused(theta, memory, x)
    projected_all = core.project_input(theta, x)
    if isinstance(core, ParallelCore):
        return core.run(theta, memory, projected_all)
    features = []
    for projected in projected_all:
        memory, out = core.step(theta, memory, projected)
        features.append(out)
    return memory, torch.stack(features)
