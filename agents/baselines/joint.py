"""What needs no meta-learning: one policy for every task, blind to the task, told what it is, or tuned to it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import Episode, Learner, Network, Objective, Params, Transitions
from agents.optimization.descent import descend


@dataclass(frozen=True)
class Joint(Learner[Policy]):
    """One policy for all tasks, trained on their mixture; `adapt` changes nothing.

    sees_task=True is the oracle: the true task parameters are part of its input, so that what it reaches tells what
    was possible with this network and this optimiser.
    """

    network: Network[Policy]
    outer: Objective
    observes_task: bool = False
    rounds = 0

    def init(self, generator: torch.Generator) -> Params:
        return self.network.init(generator)

    def initial_state(self, theta: Params) -> Params:
        return theta

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        return self.network(phi, x)

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        return self.outer(self.apply(theta, theta, episode.query.x), episode.query)


@dataclass(frozen=True)
class FineTuned(Joint):
    """The same, which goes on learning on the episodes of a task: `inner_steps` gradient steps on each batch.

    Trained as joint training is; of weights that were never trained it is learning from scratch.
    """

    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds = 1

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return descend(self.network, self.outer, phi, support, self.inner_lr, self.inner_steps)[0]
