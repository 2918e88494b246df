"""NTM: A. Graves, G. Wayne, I. Danihelka, 2014, Neural Turing machines, arXiv 1410.5401.

Carried from task to task: a controller and the linear layer that emits the parameters of its heads. Formed within one
sequence: an external memory, the locations that every head last addressed, and the controller's own state.

Each step: the controller reads the input and the previous read vectors; the write heads address the old memory by
content and by location, erase and add; the read heads address the new memory and read it.

`controller`: an LSTM, or a feedforward layer without a state of its own, which has to write everything that it needs
later to the external memory; the paper tries both (section 3.4).

Departures: the memory starts as a small constant and the heads at its first location, which are not learned (a constant
start is by far the most stable, Collier and Beel 2018, arXiv 1807.08518); all heads share one linear layer, and keys
and add vectors pass a tanh.

Axes: `L` locations of width `W`, `R` heads, `H` hidden units.
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

SHIFTS = 3  # one location back, none, one forward


@dataclass(frozen=True)
class NTM:
    """locations, width: rows and columns of the memory (128 and 20 in the paper). reads, writes: numbers of heads."""

    inputs: int
    hidden: int = 100
    locations: int = 128
    width: int = 20
    reads: int = 1
    writes: int = 1
    controller: Literal["lstm", "feedforward"] = "lstm"

    @property
    def dim(self) -> int:
        return self.hidden + self.reads * self.width

    @property
    def _num_outputs(self) -> int:
        """Outputs of the linear layer of all heads."""
        address = self.width + 3 + SHIFTS  # key, strength, gate, sharpness, shifts
        return (self.reads + self.writes) * address + self.writes * 2 * self.width

    def init(self, generator: torch.Generator) -> Params:
        weight = torch.empty(self._num_outputs, self.hidden)
        torch.nn.init.xavier_uniform_(weight, generator=generator)
        heads = {"heads.weight": weight, "heads.bias": torch.zeros(self._num_outputs)}
        if self.controller == "lstm":
            return init_lstm("controller", self.inputs, self.hidden, generator, recurrent=self.dim) | heads
        layer = torch.empty(self.hidden, self.inputs + self.reads * self.width)
        torch.nn.init.xavier_uniform_(layer, generator=generator)
        parts = {
            "controller.input": layer[:, : self.inputs].clone(),
            "controller.recurrent": layer[:, self.inputs :].clone(),
        }
        return parts | {"controller.bias": torch.zeros(self.hidden)} | heads

    def initial_state(self, theta: Params) -> Params:
        like = theta["heads.bias"]
        start = addressing.initial_memory(like, self.locations, self.width, self.reads)
        if self.controller == "lstm":
            start |= lstm_initial_state(like, self.hidden)
        return start | {"write_weights": start["read_weights"][:1].expand(self.writes, -1)}

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return project(theta, "controller", x)

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        h, state = self._control(theta, memory, projected)
        emitted = F.linear(h, theta["heads.weight"], theta["heads.bias"])
        heads, address = self.reads + self.writes, self.width + 3 + SHIFTS
        addresses, vectors = emitted[..., : heads * address], emitted[..., heads * address :]
        addresses = addresses.reshape(*addresses.shape[:-1], heads, address)
        erase, add = vectors.reshape(*vectors.shape[:-1], 2, self.writes, self.width).unbind(-3)
        write_weights = address_memory(addresses[..., self.reads :, :], memory["write_weights"], memory["memory"])
        stored = addressing.write(memory["memory"], write_weights, erase.sigmoid(), add.tanh())
        read_weights = address_memory(addresses[..., : self.reads, :], memory["read_weights"], stored)
        read = (read_weights @ stored).flatten(-2)
        new = {"memory": stored, "read": read, "read_weights": read_weights, "write_weights": write_weights}
        return state | new, torch.cat([h, read], -1)

    def _control(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Tensor, Params]:
        """The controller's output [..., H], and its own state."""
        if self.controller == "feedforward":
            return (projected + memory["read"] @ theta["controller.recurrent"].T).tanh(), {}
        recurrent = torch.cat([memory["h"], memory["read"]], -1)
        h, c = lstm_step(theta, "controller", projected, recurrent, memory["c"])
        return h, {"h": h, "c": c}


def address_memory(emitted: Tensor, previous: Tensor, memory: Tensor) -> Tensor:
    """Weights [..., R, L] from the heads' outputs [..., R, W + 6], by content and then by location (section 3.3)."""
    width = memory.shape[-1]
    key, rest = emitted[..., :width].tanh(), emitted[..., width:]
    strength, gate, gamma = F.softplus(rest[..., 0]), rest[..., 1].sigmoid(), 1 + F.softplus(rest[..., 2])
    content = addressing.content_weights(key, strength, memory)
    weights = addressing.interpolate(content, previous, gate)
    return addressing.sharpen(addressing.shift(weights, rest[..., 3:].softmax(-1)), gamma)
