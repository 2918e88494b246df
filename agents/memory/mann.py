"""MANN, memory with least recently used access: A. Santoro, S. Bartunov, M. Botvinick, D. Wierstra, T. Lillicrap, 2016,
Meta-learning with memory-augmented neural networks, ICML; One-shot learning with memory-augmented neural networks,
arXiv 1605.06065.

Carried from task to task: a controller and the linear layer that emits the parameters of its heads. Formed within one
sequence: an external memory, the usage of each location, and the controller's own state.

Each step: the controller reads the input and the previous read vectors and emits keys. The least used locations are
erased; each head writes its key to the locations that it last read or to the least used ones, as a gate decides; then
each head reads by content addressing.

Settings: `write`, whether the key itself is written (the paper, eq. 8) or a separate vector (some implementations);
`address`, whether a key is compared with the memory before this step's write or after it, when it would match itself
(the paper specifies neither; what is read is the new memory in both cases); `strength`, whether the cosine has a
learned strength as in the neural Turing machine (the paper: no).

Departures: the gate is emitted at every step instead of being one learned number; all locations about to be written as
least used are erased, not one. The selection of the least used locations is not differentiated.

Axes: `L` locations of width `W`, `R` read heads.
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
    """hidden, locations, width, reads: 200, 128, 40 and 4 in the paper. decay: gamma, of usage (0.99 in the paper)."""

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
    def _head_sizes(self) -> list[int]:
        """Sizes of a head's key, gate, vector to write, and strength."""
        return [self.width, 1, self.width if self.write == "add" else 0, 1 if self.strength else 0]

    def init(self, generator: torch.Generator) -> Params:
        outputs = self.reads * sum(self._head_sizes)
        weight = torch.nn.init.xavier_uniform_(torch.empty(outputs, self.hidden), generator=generator)
        heads = {"heads.weight": weight, "heads.bias": torch.zeros(outputs)}
        return init_lstm("controller", self.inputs, self.hidden, generator, recurrent=self.dim) | heads

    def initial_state(self, theta: Params) -> Params:
        like = theta["heads.bias"]
        start = addressing.initial_memory(like, self.locations, self.width, self.reads)
        return start | lstm_initial_state(like, self.hidden) | {"usage": start["read_weights"][0]}

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        recurrent = torch.cat([memory["h"], memory["read"]], -1)
        h, c = lstm_step(theta, "controller", projected, recurrent, memory["c"])
        emitted = F.linear(h, theta["heads.weight"], theta["heads.bias"])
        emitted = emitted.reshape(*emitted.shape[:-1], self.reads, -1)
        key, gate, vector, strength = torch.split(emitted, self._head_sizes, -1)
        key = key.tanh()
        free = addressing.least_used(memory["usage"], self.reads)  # [..., L]
        write_weights = addressing.interpolate(memory["read_weights"], free[..., None, :], gate[..., 0].sigmoid())
        written = write_weights.mT @ (vector.tanh() if self.write == "add" else key)
        stored = memory["memory"] * (1 - free[..., None]) + written
        scale = F.softplus(strength[..., 0]) if self.strength else torch.ones_like(key[..., 0])
        read_weights = addressing.content_weights(key, scale, memory["memory"] if self.address == "old" else stored)
        usage = self.decay * memory["usage"] + (read_weights + write_weights).sum(-2)  # eq. 5
        read = (read_weights @ stored).flatten(-2)
        new = {"h": h, "c": c, "memory": stored, "read": read, "read_weights": read_weights, "usage": usage}
        return new, torch.cat([h, read], -1)
