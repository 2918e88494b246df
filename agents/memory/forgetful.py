"""A learner with a memory whose adaptation is switched off, to be shown beside the same one that adapts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from agents.distributions import Policy
from agents.learner import Params, RecurrentLearner


@dataclass(frozen=True)
class Forgetful(RecurrentLearner):
    """`learner` with the memory of the start of a trial at every step."""

    learner: RecurrentLearner

    def initial_state(self, theta: Params) -> Params:
        return self.learner.initial_state(theta)

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """The action distribution of `learner`, and the memory as it was."""
        return phi, self.learner.step(theta, phi, x)[1]

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        return self.learner.value(theta, x, descriptor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.learner, name)
