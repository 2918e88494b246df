"""A gradient learner on supervised tasks: classes to tell apart, or a function to follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.optimization.lstm_meta_learner import LstmMetaLearner
from agents.optimization.maml import MAML
from agents.optimization.reptile import Reptile
from envs.core import Examples

SHOWN = "shown"  # in phi: the support's pictures, with which each query is normalised


@dataclass(frozen=True)
class Supervised(Learner[Tensor]):
    """`way` outputs, as many as its last layer has; `test_steps` gradient steps on the support when judged.

    The inner loss is a mean over the support. The authors' codes sum it, or use Adam: their rates are not these.

    bn: a batch of pictures is normalised by itself. Judged `transductive`, all queries are one batch, and what is told
    of one depends on the others (Finn et al. 2017); with `support+1` each query goes with the whole support, alone
    (Nichol et al. 2018). Training is transductive.
    """

    learner: MAML[Tensor] | Reptile[Tensor] | LstmMetaLearner[Tensor]
    way: int
    test_steps: int = 3
    bn: Literal["transductive", "support+1"] = "transductive"
    fixed_way: ClassVar[bool] = True
    bn_choices: ClassVar[tuple[str, ...]] = ("transductive", "support+1")
    takes_steps: ClassVar[bool] = True
    chunks_tasks: ClassVar[bool] = True

    def init(self, generator: torch.Generator) -> Params:
        return self.learner.init(generator)

    def initial_state(self, theta: Params) -> Params:
        return self.learner.initial_state(theta)

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """As it is judged: `test_steps` steps, however many there were in training."""
        one_step = replace(self.learner, inner_steps=1)
        for _ in range(self.test_steps):
            phi = one_step.adapt(theta, phi, support)
        return phi if self.bn == "transductive" else phi | {SHOWN: support.x}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        if SHOWN not in phi:
            return self.learner.apply(theta, phi, x)
        weights = {k: v for k, v in phi.items() if k != SHOWN}

        def alone(query: Tensor) -> Tensor:
            return self.learner.apply(theta, weights, torch.cat([phi[SHOWN], query[None]]))[-1]

        return torch.func.vmap(alone)(x)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        return self.learner.loss(theta, episode)
