"""Memory-augmented network with least recently used access: A. Santoro et al., 2016, ICML, arXiv 1605.06065.

Carried from task to task: a controller and what its heads emit. Formed within one sequence: an external memory, how
much each location is used, and the controller's own state.

Each step: the controller reads the input and what was read before and emits keys. The locations least used so far are
wiped; each head's key is written where that head last read or to the least used locations, as a gate says; then each
head reads, by content alone.

Named choices: `write`, whether the key itself is written (the paper, eq. 8) or a vector of its own (some codes);
`address`, whether a key is compared with the memory before this step's writing or after it, when it would find itself
(the paper says neither; what is read is the new memory in both); `strength`, whether the cosine has a strength as in
the Turing machine (the paper: none).

Departures: the gate is emitted at every step rather than one number; all locations about to be written as least used
are wiped, not one. Which locations are least used has no derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn import addressing
from agents.nn.cells import init_lstm, lstm_initial_state, lstm_step, project
from agents.records import Params


@dataclass(frozen=True)
class LRUA:
    """hidden, locations, width, reads: 200, 128, 40 and 4 in the paper. decay: of usage, gamma (0.99 there)."""

    inputs: int
    hidden: int = 200
    locations: int = 128
    width: int = 40
    reads: int = 4
    decay: float = 0.95
    write: Literal["key", "add"] = "key"
    strength: bool = False
    address: Literal["old", "new"] = "old"

    @property
    def dim(self) -> int:
        return self.hidden + self.reads * self.width

    @property
    def _sizes(self) -> list[int]:
        """Of a head: its key, gate, vector to write, strength."""
        return [self.width, 1, self.width if self.write == "add" else 0, 1 if self.strength else 0]

    def init(self, generator: torch.Generator) -> Params:
        emitted = self.reads * sum(self._sizes)
        weight = torch.nn.init.xavier_uniform_(torch.empty(emitted, self.hidden), generator=generator)
        heads = {"heads.weight": weight, "heads.bias": torch.zeros(emitted)}
        return (
            init_lstm("controller", self.inputs, self.hidden, generator, self.hidden + self.reads * self.width) | heads
        )

    def initial_state(self, theta: Params) -> Params:
        like = theta["heads.bias"]
        start = addressing.initial_memory(like, self.locations, self.width, self.reads)
        return start | lstm_initial_state(like, self.hidden) | {"usage": start["read_weights"][0]}

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        before = torch.cat([memory["h"], memory["read"]], -1)
        h, c = lstm_step(theta, "controller", projected, before, memory["c"])
        emitted = F.linear(h, theta["heads.weight"], theta["heads.bias"])
        emitted = emitted.reshape(*emitted.shape[:-1], self.reads, -1)
        key, gate, vector, strength = torch.split(emitted, self._sizes, -1)
        key = key.tanh()
        free = addressing.least_used(memory["usage"], self.reads)  # [..., L]
        to_write = addressing.interpolate(memory["read_weights"], free[..., None, :], gate[..., 0].sigmoid())
        written = to_write.mT @ (vector.tanh() if self.write == "add" else key)
        stored = memory["memory"] * (1 - free[..., None]) + written
        sure = F.softplus(strength[..., 0]) if self.strength else torch.ones_like(key[..., 0])
        to_read = addressing.content_weights(key, sure, memory["memory"] if self.address == "old" else stored)
        usage = self.decay * memory["usage"] + (to_read + to_write).sum(-2)  # eq. 5
        found = (to_read @ stored).flatten(-2)
        new = {"h": h, "c": c, "memory": stored, "read": found, "read_weights": to_read, "usage": usage}
        return new, torch.cat([h, found], -1)
