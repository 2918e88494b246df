"""A memory that reads a whole sequence and then tells one, step by step (Graves et al. 2014, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.nn.cores import Core, run
from agents.objectives import bits
from envs.core import Examples


@dataclass(frozen=True)
class Transcriber(Learner[Tensor]):
    """Carried: a core and a last layer of `way` outputs. Formed: the core's memory of the sequence it was shown."""

    core: Core
    way: int

    def init(self, generator: torch.Generator) -> Params:
        weight = torch.nn.init.xavier_uniform_(torch.empty(self.way, self.core.dim), generator=generator)
        return self.core.init(generator) | {"last.weight": weight, "last.bias": torch.zeros(self.way)}

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(theta)

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The memory after the sequence x [T, I]."""
        return run(self.core, theta, phi, support.x)[0]

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits of the bits told while x [T, I] is heard, one after the other, [T, way]."""
        return F.linear(run(self.core, theta, phi, x)[1], theta["last.weight"], theta["last.bias"])

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Mean cost of a bit, in bits."""
        phi = self.adapt(theta, self.initial_state(theta), episode.support[0])
        return bits(self.apply(theta, phi, episode.query.x), episode.query)
