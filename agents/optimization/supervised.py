"""A gradient learner on supervised tasks: classification or regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from agents.learner import Learner
from agents.optimization.cavia import CAVIA
from agents.optimization.lstm_meta_learner import LstmMetaLearner
from agents.optimization.maml import MAML
from agents.optimization.reptile import Reptile
from agents.records import Params, SupervisedTask, without_prefix
from envs.core import Examples

SUPPORT = "shown"  # in phi: the support images, with which each query is normalised


@dataclass(frozen=True)
class Supervised(Learner[Tensor]):
    """way: outputs of the network. test_steps: gradient steps on the support in evaluation.

    The inner loss is a mean over the support. The authors' codes use its sum, or Adam: their step sizes differ.

    bn: a batch of images is normalised by itself. With `transductive` all queries are one batch in evaluation, and the
    output for a query depends on the others (Finn et al. 2017); with `support+1` each query is in a batch with the
    whole support and no other query (Nichol et al. 2018). Training is always transductive.
    """

    learner: MAML[Tensor] | CAVIA[Tensor] | Reptile[Tensor] | LstmMetaLearner[Tensor]
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
        """phi after `test_steps` steps, regardless of the number of steps in training."""
        one_step = replace(self.learner, inner_steps=1)
        for _ in range(self.test_steps):
            phi = one_step.adapt(theta, phi, support)
        return phi if self.bn == "transductive" else phi | {SUPPORT: support.x}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits or numbers [Q, way]."""
        if SUPPORT not in phi:
            return self.learner.apply(theta, phi, x)
        weights = without_prefix(SUPPORT, phi)

        def one_query(query: Tensor) -> Tensor:
            return self.learner.apply(theta, weights, torch.cat([phi[SUPPORT], query[None]]))[-1]

        return torch.func.vmap(one_query)(x)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        return self.learner.loss(theta, episode)
