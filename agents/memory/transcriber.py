"""Sequence to sequence: a memory reads a whole sequence and then outputs one, step by step (Graves et al. 2014, section
4, arXiv 1410.5401).

Carried from task to task: a core and an output layer. Formed within one task: the core's memory of the sequence.

Axes: `T` time steps, `I` input.
"""

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
    """core: of inputs I. way: bits of an output vector."""

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
        """Logits of the output bits at every step of the input x [T, I], [T, way]."""
        return F.linear(run(self.core, theta, phi, x)[1], theta["last.weight"], theta["last.bias"])

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Mean binary cross-entropy of an output bit, in bits."""
        phi = self.adapt(theta, self.initial_state(theta), episode.support[0])
        return bits(self.apply(theta, phi, episode.query.x), episode.query)
