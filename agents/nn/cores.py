"""What remembers from one step to the next, as pure functions of a dict of tensors.

A core turns an input and its memory into features and a new memory. What it makes of the input alone, `listen`, is done
for a whole sequence at once. It is written for any leading axes `...`: one sequence, the episodes of a task, or queries
that all start from the same memory. Axes: `I` input, `H` hidden units,
`L` locations of an external memory of width `W`, `R` heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from agents.nn.cells import gru_step, init_gru, init_lstm, lstm_step, project
from agents.records import Params

KERNEL = (True, 1, 0.0, True, False, False)  # biases, layers, dropout, training, both ways, batch first


class Core(Protocol):
    """A network with a memory."""

    @property
    def dim(self) -> int:
        """Width of the features."""

    def init(self, generator: torch.Generator) -> Params:
        """Fresh weights."""

    def initial_state(self, theta: Params) -> Params:
        """The memory before anything, without leading axes: it takes those of the first input."""

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        """x [..., I] -> what `step` wants of it, [..., J]."""

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """heard [..., J] -> a new memory, and features [..., dim]."""


@runtime_checkable
class AtOnce(Protocol):
    """A core that needs no loop over time."""

    def run(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """heard [T, ..., J] -> the memory after it, and features [T, ..., dim]."""


@runtime_checkable
class Fused(Protocol):
    """A core for which torch has a kernel of its own: faster than a loop, but without a rule under `vmap`."""

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        """x [T, B, I] -> the memory after it, and features [T, B, dim]."""


@dataclass(frozen=True)
class LSTM:
    """Hochreiter and Schmidhuber 1997."""

    inputs: int
    hidden: int = 200

    @property
    def dim(self) -> int:
        return self.hidden

    def init(self, generator: torch.Generator) -> Params:
        return init_lstm("controller", self.inputs, self.hidden, generator)

    def initial_state(self, theta: Params) -> Params:
        zero = torch.zeros(self.hidden, device=theta["controller.bias"].device)
        return {"h": zero, "c": zero}

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

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
class GRU:
    """Cho et al. 2014, arXiv 1406.1078."""

    inputs: int
    hidden: int = 200

    @property
    def dim(self) -> int:
        return self.hidden

    def init(self, generator: torch.Generator) -> Params:
        return init_gru("controller", self.inputs, self.hidden, generator)

    def initial_state(self, theta: Params) -> Params:
        return {"h": torch.zeros(self.hidden, device=theta["controller.bias"].device)}

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        h = gru_step(theta, "controller", projected, memory["h"])
        return {"h": h}, h

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        start = memory["h"].expand(1, x.shape[1], -1).contiguous()
        bias, own = theta["controller.bias"], theta["controller.recurrent_bias"]
        recurrent_bias = torch.cat([torch.zeros_like(bias[: 2 * self.hidden]), own])
        weights = [theta["controller.input"], theta["controller.recurrent"], bias, recurrent_bias]
        features, h = torch.gru(x, start, weights, *KERNEL)
        return {"h": h[0]}, features


def run(core: Core, theta: Params, memory: Params, x: Tensor, fused: bool = False) -> tuple[Params, Tensor]:
    """A whole sequence x [T, ..., I] -> the last memory, and the features of every step [T, ..., dim].

    fused: x is [T, B, I] and under no `vmap`, so that torch's own kernels may do it.
    """
    if fused and isinstance(core, Fused):
        return core.fused(theta, memory, x)
    projected_all = core.project_input(theta, x)
    if isinstance(core, AtOnce):
        return core.run(theta, memory, projected_all)
    features = []
    for projected in projected_all:
        memory, out = core.step(theta, memory, projected)
        features.append(out)
    return memory, torch.stack(features)
