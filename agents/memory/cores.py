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

from agents.learner import Params
from agents.recurrent_cells import gru_step, init_gru, init_lstm, lstm_step, project


class Core(Protocol):
    """A network with a memory."""

    @property
    def dim(self) -> int:
        """Width of the features."""

    def init(self, generator: torch.Generator) -> Params:
        """Fresh weights."""

    def begin(self, theta: Params) -> Params:
        """The memory before anything, without leading axes: it takes those of the first input."""

    def listen(self, theta: Params, x: Tensor) -> Tensor:
        """x [..., I] -> what `step` wants of it, [..., J]."""

    def step(self, theta: Params, memory: Params, heard: Tensor) -> tuple[Params, Tensor]:
        """heard [..., J] -> a new memory, and features [..., dim]."""


@runtime_checkable
class AtOnce(Protocol):
    """A core that needs no loop over time."""

    def run(self, theta: Params, memory: Params, heard: Tensor) -> tuple[Params, Tensor]:
        """heard [T, ..., J] -> the memory after it, and features [T, ..., dim]."""


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

    def begin(self, theta: Params) -> Params:
        zero = torch.zeros(self.hidden, device=theta["controller.bias"].device)
        return {"h": zero, "c": zero}

    def listen(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, heard: Tensor) -> tuple[Params, Tensor]:
        h, c = lstm_step(theta, "controller", heard, memory["h"], memory["c"])
        return {"h": h, "c": c}, h


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

    def begin(self, theta: Params) -> Params:
        return {"h": torch.zeros(self.hidden, device=theta["controller.bias"].device)}

    def listen(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, heard: Tensor) -> tuple[Params, Tensor]:
        h = gru_step(theta, "controller", heard, memory["h"])
        return {"h": h}, h


def run(core: Core, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
    """A whole sequence x [T, ..., I] -> the last memory, and the features of every step [T, ..., dim]."""
    heard_all = core.listen(theta, x)
    if isinstance(core, AtOnce):
        return core.run(theta, memory, heard_all)
    features = []
    for heard in heard_all:
        memory, out = core.step(theta, memory, heard)
        features.append(out)
    return memory, torch.stack(features)
