"""Baselines without meta-learning: one policy for all tasks, without or with the task parameters, and fine-tuning.

Carried from task to task: the policy's weights, a value function's, and running statistics of inputs and returns.
Formed within one task: nothing, or the policy's weights after fine-tuning. Trained by PPO (Schulman et al. 2017, arXiv
1707.06347) as usual for one task: on single steps, with learned values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import Network, Objective, OnPolicyLearner
from agents.nn.critic import Critic, RunningStatistics
from agents.nn.hypernetwork import generating
from agents.nn.statistics import initial_stats, normalize_input, std_of
from agents.optimization.descent import descend
from agents.records import Episode, Params, Transitions, select_prefix, with_prefix


@dataclass(frozen=True)
class Joint(RunningStatistics, OnPolicyLearner):
    """One policy for all tasks, trained on their mixture; `adapt` returns phi unchanged.

    network, critic: of inputs, the observation. outer: the policy's objective. value_coef: weight of the critic's.
    observes_task: True for the oracle, whose input includes the true task parameters: an upper bound on what is
        possible with this network and this optimiser.
    """

    network: Network[Policy]
    critic: Critic
    inputs: int
    outer: Objective
    value_coef: float = 0.5
    observes_task: bool = False
    rounds = 0

    def init(self, generator: torch.Generator) -> Params:
        policy = with_prefix("policy.", self.network.init(generator))
        return policy | self.critic.init(generator) | initial_stats("seen", self.inputs)

    def initial_state(self, theta: Params) -> Params:
        """The policy's weights."""
        return select_prefix("policy.", theta)

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        return self.network(phi, normalize_input(theta, x))

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        return self.critic(theta, normalize_input(theta, x), descriptor)

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        data = episode.query
        out, value = self.apply(theta, self.initial_state(theta), data.x), self.value(theta, data.x, data.descriptor)
        return self.outer(out, data) + self.value_coef * self.critic.loss(theta, value, data)


@dataclass(frozen=True)
class FineTuned(Joint):
    """Joint training that is fine-tuned on each task: `inner_steps` gradient steps on each batch of its episodes.

    Its training is that of `Joint`; with untrained weights it is training from scratch.
    """

    inner: Objective | None = None
    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds = 1

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        def network(weights: Params, x: Tensor) -> Policy:
            return self.apply(theta, weights, x)

        return descend(network, self.inner or self.outer, phi, support, self.inner_lr, self.inner_steps)[0]


def without_statistics(theta: Params) -> Params:
    """Weights of `Joint` -> those of a policy network that acts the same on observations as they are.

    Its first layer normalises them, but does not clip them as `normalize_input` does.
    """
    policy = select_prefix("policy.", theta)
    weight = policy["layer0.weight"] / std_of(theta, "seen")
    return policy | {"layer0.weight": weight, "layer0.bias": policy["layer0.bias"] - weight @ theta["seen.mean"]}


def as_hypernetwork(theta: Params, fresh: Params) -> Params:
    """Weights of `Joint` -> those of RL^2 whose memory generates that policy, whatever it holds; the rest as `fresh`.

    Statistics of what only a memory is given start with the next data, and therefore those of all inputs.
    """
    policy = generating(select_prefix("policy.", theta), select_prefix("policy.", fresh))
    observed = {name: theta[name] for name in ("seen.mean", "seen.var")}
    seen = {name: torch.cat([old, fresh[name][len(old) :]]) for name, old in observed.items()}
    return fresh | with_prefix("policy.", policy) | seen
