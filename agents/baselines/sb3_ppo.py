"""The networks of Stable-Baselines3's PPO, told the task: a ceiling that was not written here, beside the oracle.

A. Raffin et al., 2021, Stable-Baselines3: reliable reinforcement learning implementations, JMLR 22. Carried from task
to task: the weights of its `MlpPolicy`, under the names of `Joint`; nothing is formed within one task. Nothing is
normalised. It is trained by that library itself (`metarl.training.sb3_ppo`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce
from agents.baselines.joint import Joint
from agents.distributions import Policy
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.records import Params, Transitions, with_prefix


@dataclass(frozen=True)
class Sb3PPO(Joint):
    """`Joint` with the initial weights of Stable-Baselines3, and without running statistics."""

    network: GaussianMLP

    def init(self, generator: torch.Generator) -> Params:
        policy = self.network.init(generator) | _orthogonal(self.network.mean, generator)
        value = _orthogonal(self.critic.net, generator)
        return with_prefix("policy.", policy) | self.critic.init(generator) | with_prefix("value.", value)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        return self.network(phi, x)

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        return self.critic(theta, x, descriptor)

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        return theta

    def update_return_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum = no_reduce) -> Params:
        return theta


def _orthogonal(net: MLP, generator: torch.Generator) -> Params:
    """Orthogonal weights with the gains of `ActorCriticPolicy`: sqrt 2, and of the last layer its own."""
    weights = {name: torch.empty_like(w) for name, w in net.init(generator).items() if name.endswith("weight")}
    for name, weight in weights.items():
        gain = net.last_gain if name in net.head else math.sqrt(2)
        torch.nn.init.orthogonal_(weight, gain, generator=generator)
    return weights
