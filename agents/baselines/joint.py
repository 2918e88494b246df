"""Baselines without meta-learning: one policy for all tasks, without or with the task parameters, and fine-tuning.

Carried from task to task: the policy's weights. Formed within one task: nothing, or the weights after fine-tuning.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import Learner, Network, Objective
from agents.optimization.descent import descend
from agents.records import Episode, Params, Transitions


@dataclass(frozen=True)
class Joint(Learner[Policy]):
    """One policy for all tasks, trained on their mixture; `adapt` returns phi unchanged.

    observes_task: True for the oracle, whose input includes the true task parameters: an upper bound on what is
    possible
        with this network and this optimiser.
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
    """Joint training that is fine-tuned on each task: `inner_steps` gradient steps on each batch of its episodes.

    Its training is that of `Joint`; with untrained weights it is training from scratch.
    """

    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds = 1

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return descend(self.network, self.outer, phi, support, self.inner_lr, self.inner_steps)[0]
