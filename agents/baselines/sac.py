"""SAC: T. Haarnoja, A. Zhou, P. Abbeel, S. Levine, 2018, Soft actor-critic, arXiv 1801.01290; with two value functions
and a temperature that is learned: T. Haarnoja et al., 2018, Soft actor-critic algorithms and applications, arXiv
1812.05905.

Carried from task to task: a policy, two action-value functions and their slow copies, a temperature. Formed within one
task: nothing; it is a baseline that is trained on the mixture of tasks, or told the true task.

Departure: policy, values and temperature take their steps at once, on the same transitions.

Axes: `B` transitions, `I` input, `A` action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.distributions import Policy, TanhGaussian, log_prob_before_tanh
from agents.learner import Learner
from agents.nn.perceptrons import MLP
from agents.records import Params, detached, select_prefix, with_prefix

MIN_LOG_STD, MAX_LOG_STD = -20.0, 2.0  # the authors' code
VALUES = ("q1.", "q2.")
TARGETS = "target."  # prefix of their slow copies, which no gradient moves


class OffPolicyData(NamedTuple):
    """Transitions from a replay, with the noise of the actions that are sampled anew."""

    x: Tensor  # [B, I]
    act: Tensor  # [B, A] in [-1, 1]
    rew: Tensor  # [B]
    next_x: Tensor  # [B, I]
    terminated: Tensor  # [B] bool; an episode that time has cut is not
    noise: Tensor  # [2, B, A] standard normal: of the present action, and of the next


def moved_copies(theta: Params, tau: float) -> Params:
    """The slow copies in theta, moved by a share tau of the way to what they are copies of."""
    names = [k for k in theta if k.startswith(TARGETS)]
    own = [theta[k.removeprefix(TARGETS)] for k in names]
    return dict(zip(names, torch._foreach_lerp([theta[k] for k in names], own, tau), strict=True))


@dataclass(frozen=True)
class SAC(Learner[Policy]):
    """actor: of I to 2 A, mean and log standard deviation before the tangent. critic: of I + A to 1.

    gamma: discount. tau: share of the way that the slow copies take to the value functions in each step.
    target_entropy: of the policy, nats. init_alpha: initial temperature.
    observes_task: True for the oracle, whose input includes the true task parameters.
    """

    actor: MLP
    critic: MLP
    gamma: float = 0.99
    tau: float = 0.005
    target_entropy: float = -1.0
    init_alpha: float = 1.0
    observes_task: bool = False
    rounds = 0

    def init(self, generator: torch.Generator) -> Params:
        theta = with_prefix("policy.", self.actor.init(generator))
        for name in VALUES:
            theta |= with_prefix(name, self.critic.init(generator))
        copies = {TARGETS + k: v.clone() for k, v in theta.items() if k.startswith(VALUES)}
        return theta | copies | {"log_alpha": torch.full((1,), math.log(self.init_alpha))}

    def initial_state(self, theta: Params) -> Params:
        """The policy's weights."""
        return select_prefix("policy.", theta)

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params:
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> TanhGaussian:
        return self.distribution(phi, x)

    def distribution(self, weights: Params, x: Tensor) -> TanhGaussian:
        """Actions of a policy with such weights for inputs [..., I]."""
        mean, log_std = self.actor(weights, x).chunk(2, -1)
        return TanhGaussian(mean, log_std.clamp(MIN_LOG_STD, MAX_LOG_STD))

    def loss(self, theta: Params, data: OffPolicyData) -> Tensor:
        """Squared errors of the values, the policy's objective, the temperature's: each moves its own part."""
        return self.objective(theta, data, data.x)

    def objective(self, theta: Params, data: OffPolicyData, x: Tensor) -> Tensor:
        """The loss, where x [..., B, I] are the inputs of the values alone: a gradient through them is theirs."""
        alpha = theta["log_alpha"].detach().exp()
        act, logp = self._sampled(theta, data.x, data.noise[0])
        fixed = detached({k: v for k, v in theta.items() if k.startswith(VALUES)})
        least = torch.minimum(*self.values(fixed, data.x, act))
        of_policy = (alpha * logp - least).mean()
        target = self.target(theta, data)
        of_values = sum(0.5 * (q - target).square().mean() for q in self.values(theta, x, data.act))
        of_alpha = -(theta["log_alpha"] * (logp.detach() + self.target_entropy)).mean()
        return of_values + of_policy + of_alpha

    @torch.no_grad()
    def target(self, theta: Params, data: OffPolicyData) -> Tensor:
        """r + gamma (min Q(s', a') - alpha log pi(a'|s')), or r where the episode terminated, [B]."""
        act, logp = self._sampled(theta, data.next_x, data.noise[1])
        slow = select_prefix(TARGETS, theta)
        soft = torch.minimum(*self.values(slow, data.next_x, act)) - theta["log_alpha"].exp() * logp
        return data.rew + self.gamma * torch.where(data.terminated, 0.0, soft)

    def values(self, theta: Params, x: Tensor, act: Tensor) -> tuple[Tensor, Tensor]:
        """Both action values of inputs [..., B, I] and actions [..., B, A], [..., B] each."""
        joined = torch.cat([x, act], -1)
        first, second = (self.critic(select_prefix(name, theta), joined)[..., 0] for name in VALUES)
        return first, second

    def after_step(self, theta: Params) -> Params:
        """The slow copies after a step of the rest."""
        return moved_copies(theta, self.tau)

    def _sampled(self, theta: Params, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """An action [B, A] and its log-density [B]; the gradient passes through the action."""
        out = self.distribution(select_prefix("policy.", theta), x)
        u = out.mean + out.log_std.exp() * noise
        return u.tanh(), log_prob_before_tanh(out, u)
