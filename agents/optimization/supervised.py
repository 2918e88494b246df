"""A gradient learner on supervised tasks: classes to tell apart, or a function to follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from agents.learner import Lesson, Params
from agents.optimization.lstm_meta_learner import LstmMetaLearner
from agents.optimization.maml import MAML
from agents.optimization.reptile import Reptile
from envs.core import Examples


@dataclass(frozen=True)
class Supervised:
    """`way` outputs, as many as its last layer has; `test_steps` gradient steps on the support when judged.

    The inner loss is a mean over the support. The authors' codes sum it, or use Adam: their rates are not these.
    Batches of images are normalised by themselves: what is told of one query depends on the others (`transductive`).
    """

    learner: MAML[Tensor] | Reptile[Tensor] | LstmMetaLearner[Tensor]
    way: int
    test_steps: int = 3
    bn: str = "transductive"

    def init(self, generator: torch.Generator) -> Params:
        return self.learner.init(generator)

    def begin(self, theta: Params) -> Params:
        return self.learner.begin(theta)

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """As it is judged: `test_steps` steps, however many there were in training."""
        one_step = replace(self.learner, inner_steps=1)
        for _ in range(self.test_steps):
            phi = one_step.adapt(theta, phi, support)
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        return self.learner.apply(theta, phi, x)

    def loss(self, theta: Params, episode: Lesson) -> Tensor:
        return self.learner.loss(theta, episode)

    def measure(self, theta: Params, lesson: Lesson) -> Params:
        """Nothing: there are no running statistics."""
        return {}
