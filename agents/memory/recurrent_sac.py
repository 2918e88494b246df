"""Recurrent SAC: RL^2 learned off-policy. T. Ni, B. Eysenbach, R. Salakhutdinov, 2022, Recurrent model-free RL can be a
strong baseline for many POMDPs, arXiv 2110.05038.

Carried from task to task: a recurrent encoder and a policy; another recurrent encoder and two action-value functions,
and slow copies of these; a temperature. Formed within one task: the memory of the policy's encoder, over a trial of
several episodes as in RL^2 (`agents.memory.rl2`), so that it adapts while it acts. Actor and critic share nothing. They
learn from parts of trials; the first steps of a part form the memory and are not counted, unless the trial begins with
them (S. Kapturowski et al., 2019, Recurrent experience replay in distributed reinforcement learning).

Departures: policy and values see the input beside the memory's features; one sample of an action at every step serves
the policy's objective and the target of the step before.

Axes: `L` steps of a part, `B` parts, `I` input: observation, previous action, previous reward, and whether an episode
has just ended; `A` action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from agents.baselines.sac import MAX_LOG_STD, MIN_LOG_STD, TARGETS, moved_copies
from agents.distributions import TanhGaussian, log_prob_before_tanh
from agents.learner import RecurrentLearner
from agents.nn.cores import Core, run
from agents.nn.perceptrons import MLP
from agents.records import Params, detached, select_prefix, with_prefix

CRITIC = "critic."
VALUES = ("q1.", "q2.")


class Sequences(NamedTuple):
    """Parts of trials, with the noise of the actions that are sampled anew."""

    x: Tensor  # [L + 1, B, I] with what followed the last step
    act: Tensor  # [L, B, A] in [-1, 1]
    rew: Tensor  # [L, B]
    terminated: Tensor  # [L, B] bool: nothing of the trial follows, by more than time
    counted: Tensor  # [L, B] bool: learned from
    noise: Tensor  # [L + 1, B, A] standard normal


@dataclass(frozen=True)
class RecurrentSAC(RecurrentLearner):
    """core: of inputs I, of the actor and of the critic. actor: of core.dim + I to 2 A, mean and log standard deviation
    before the tangent. critic: of core.dim + I + A to 1.

    rounds: episodes of a trial before its last. The others are those of `agents.baselines.sac.SAC`.
    """

    core: Core
    actor: MLP
    critic: MLP
    gamma: float = 0.99
    tau: float = 0.005
    target_entropy: float = -1.0
    init_alpha: float = 1.0
    rounds: int = 1
    trial_unit: str = "episodes"

    def init(self, generator: torch.Generator) -> Params:
        theta = with_prefix("actor.core.", self.core.init(generator))
        theta |= with_prefix("actor.head.", self.actor.init(generator))
        theta |= with_prefix(f"{CRITIC}core.", self.core.init(generator))
        for name in VALUES:
            theta |= with_prefix(CRITIC + name, self.critic.init(generator))
        copies = {TARGETS + k: v.clone() for k, v in theta.items() if k.startswith(CRITIC)}
        return theta | copies | {"log_alpha": torch.full((1,), math.log(self.init_alpha))}

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(select_prefix("actor.core.", theta))

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, TanhGaussian]:
        weights = select_prefix("actor.core.", theta)
        phi, features = self.core.step(weights, phi, self.core.project_input(weights, x))
        return phi, self._policy(theta, torch.cat([features, x], -1))

    def loss(self, theta: Params, data: Sequences) -> Tensor:
        """SAC's objectives, each a mean over the steps that are counted; each moves its own part."""
        alpha = theta["log_alpha"].detach().exp()
        act, logp = self._sampled(theta, data)  # [L + 1, B, A], [L + 1, B]
        state = self._features(theta, CRITIC, data.x)[:-1]
        critic = select_prefix(CRITIC, theta)
        least = torch.minimum(*self._values(detached(critic), state.detach(), act[:-1]))
        target = self.target(theta, data, act.detach(), logp.detach())
        errors = sum((0.5 * (q - target).square() for q in self._values(critic, state, data.act)), torch.zeros(()))
        of_alpha = -theta["log_alpha"] * (logp[:-1].detach() + self.target_entropy)
        each = errors + alpha * logp[:-1] - least + of_alpha  # [L, B]
        return torch.where(data.counted, each, 0.0).sum() / data.counted.sum().clamp_min(1)

    @torch.no_grad()
    def target(self, theta: Params, data: Sequences, act: Tensor, logp: Tensor) -> Tensor:
        """r + gamma (min Q(s', a') - alpha log pi(a'|s')), or r where the trial terminated, [L, B]."""
        slow = select_prefix(TARGETS, theta)
        state = self._features(slow, CRITIC, data.x)[1:]
        soft = torch.minimum(*self._values(select_prefix(CRITIC, slow), state, act[1:]))
        soft = soft - theta["log_alpha"].exp() * logp[1:]
        return data.rew + self.gamma * torch.where(data.terminated, 0.0, soft)

    def after_step(self, theta: Params) -> Params:
        """The slow copies after a step of the rest."""
        return moved_copies(theta, self.tau)

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Tensor:
        """The smaller value of the greedy action, at every step [L, B] of whole trials [L, B, I]."""
        act = self._policy(theta, self._features(theta, "actor.", x)).mean.tanh()
        return torch.minimum(*self._values(select_prefix(CRITIC, theta), self._features(theta, CRITIC, x), act))

    def latent(self, theta: Params, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The memory of the policy at every step of trials [L, B, I], [L, B, Z]; it has no spread."""
        return self._features(theta, "actor.", x)[..., : self.core.dim], None

    def _features(self, theta: Params, prefix: str, x: Tensor) -> Tensor:
        """What an encoder knows at every step of sequences [L, B, I], and the input, [L, B, dim + I]."""
        weights = select_prefix(f"{prefix}core.", theta)
        return torch.cat([run(self.core, weights, self.core.initial_state(weights), x, fused=True)[1], x], -1)

    def _policy(self, theta: Params, features: Tensor) -> TanhGaussian:
        mean, log_std = self.actor(select_prefix("actor.head.", theta), features).chunk(2, -1)
        return TanhGaussian(mean, log_std.clamp(MIN_LOG_STD, MAX_LOG_STD))

    def _values(self, critic: Params, features: Tensor, act: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([features, act], -1)
        first, second = (self.critic(select_prefix(name, critic), joined)[..., 0] for name in VALUES)
        return first, second

    def _sampled(self, theta: Params, data: Sequences) -> tuple[Tensor, Tensor]:
        """Actions of the policy at every step, and their log-densities."""
        out = self._policy(theta, self._features(theta, "actor.", data.x))
        u = out.mean + out.log_std.exp() * data.noise
        return u.tanh(), log_prob_before_tanh(out, u)
