"""VariBAD: L. Zintgraf, K. Shiarlis, M. Igl, S. Schulze, Y. Gal, K. Hofmann, S. Whiteson, 2020, VariBAD: a very good
method for Bayes-adaptive deep RL via meta-learning, arXiv 1910.08348.

Carried from task to task: a recurrent encoder of experience into a belief, a Gaussian over a latent description of the
task; a decoder of rewards (and states) from that latent; a policy and a value function of the state and the belief.
Formed within one task: the encoder's memory, so that it adapts while it acts. Encoder and decoder maximise the
evidence lower bound of whole trials (eq. 8): from the belief at any step all rewards of the trial are decoded, earlier
and later ones, and each belief is drawn towards the one before it. Policy and value are trained by PPO and do not move
the encoder. With a policy whose weights are generated from the belief it is the hypernetwork of Beck et al. (2022,
arXiv 2210.11348).

Departures: encoder and decoder learn from the trials of the iteration, in the same minibatches and by the same
optimiser as the policy, instead of from a buffer of earlier trials; rewards and states are decoded in units of their
running standard deviation, and the bound is divided by the length of the trial.

Axes: `L` steps of a trial, `B` trials, `I` input as in `agents.memory.rl2`, `O` observation, `Z` latent; `K` beliefs
that are decoded from, `D` steps that are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import adapt_rounds
from agents.memory.rl2 import RL2
from agents.nn.cores import run
from agents.nn.perceptrons import MLP
from agents.nn.statistics import normalize_input
from agents.records import Chunks, Episode, Params, select_prefix, with_prefix

NOISES = 4096  # rows of normal noise that latents are sampled with
MIN_LOG_STD, MAX_LOG_STD = -5.0, 2.0  # of a belief; chosen


class Belief(NamedTuple):
    """A Gaussian with a diagonal covariance."""

    mean: Tensor  # [..., Z]
    log_std: Tensor  # [..., Z]

    def features(self) -> Tensor:
        """What the policy is told of it, [..., 2 Z]; its gradient stops here."""
        return torch.cat(self, -1).detach()


def divergence(belief: Belief, prior: Belief) -> Tensor:
    """KL(belief || prior), [...]."""
    ratio = (2 * (belief.log_std - prior.log_std)).exp()
    shift = (belief.mean - prior.mean).square() * (-2 * prior.log_std).exp()
    return (0.5 * (ratio + shift - 1) - belief.log_std + prior.log_std).sum(-1)


@dataclass(frozen=True)
class VariBAD(RL2):
    """core: of inputs I, the encoder. belief: of the core's features to 2 Z. decoder: of Z + 2 O + A to the reward, and
    to O more where states are decoded. policy, critic: of 2 Z + O. kl_coef: weight of the divergence between beliefs.
    vae_coef: weight of the bound. terms: K. decoded: D.
    """

    belief: MLP = field(default_factory=lambda: MLP(1, 2))
    decoder: MLP = field(default_factory=lambda: MLP(1, 1))
    obs: int = 1
    kl_coef: float = 0.1
    vae_coef: float = 1.0
    terms: int = 8
    decoded: int = 50

    @property
    def latent_size(self) -> int:
        """Z."""
        return self.belief.sizes[-1] // 2

    def init(self, generator: torch.Generator) -> Params:
        learned = with_prefix("belief.", self.belief.init(generator)) | with_prefix(
            "decoder.", self.decoder.init(generator)
        )
        noise = torch.randn(
            NOISES, self.latent_size, generator=generator
        )  # never changes: `loss` draws no random numbers
        return super().init(generator) | learned | {"noise": noise}

    def step(self, theta: Params, phi: Params, x: Tensor) -> tuple[Params, Policy]:
        """Input [..., I] -> the next memory and an action distribution."""
        seen = normalize_input(theta, x)
        phi, features = self.core.step(theta, phi, self.core.project_input(theta, seen))
        return phi, self._action_distribution(theta, self._state(self.believe(theta, features), seen))

    def believe(self, theta: Params, features: Tensor) -> Belief:
        """The belief of a memory with features [..., H]."""
        mean, log_std = self.belief(select_prefix("belief.", theta), features).chunk(2, -1)
        return Belief(mean, log_std.clamp(MIN_LOG_STD, MAX_LOG_STD))

    def loss(self, theta: Params, episode: Episode | Chunks) -> Tensor:
        """PPO on the belief, and the negative evidence lower bound, a step."""
        data, phi = episode.query, adapt_rounds(self, theta, episode.support)
        seen, beliefs = self._beliefs(theta, phi, data.x)
        state = self._state(beliefs, seen)
        out, value = self._action_distribution(theta, state), self.critic(theta, state, data.descriptor)
        learned = self.outer(out, data) + self.value_coef * self.critic.loss(theta, value, data)
        ended, shift = data.x[..., -1] > 0, (1e4 * data.logp.sum()).abs().long()
        whole = not episode.support
        return learned + self.vae_coef * self.negative_bound(
            theta, seen, beliefs, data.alive, ended, shift, whole=whole
        )

    def latent(self, theta: Params, x: Tensor, phi: Params | None = None) -> tuple[Tensor, Tensor | None]:
        """Mean and standard deviation of the belief at every step of trials [L, B, I], [L, B, Z] each."""
        belief = self._beliefs(theta, self.initial_state(theta) if phi is None else phi, x)[1]
        return belief.mean, belief.log_std.exp()

    def negative_bound(
        self, theta: Params, seen: Tensor, beliefs: Belief, alive: Tensor, ended: Tensor, shift: Tensor, *, whole: bool
    ) -> Tensor:
        """The bound of trials with normalised inputs `seen` [L, B, I], divided by -L.

        alive: [L, B]. ended: [L, B], whether an episode ended before the step. shift: where in the table of noise to
        begin, a whole number. whole: the trial begins with the first step, whose prior is then N(0, 1).
        """
        length, trials = alive.shape
        at, to = (
            spread(length, trials, self.terms, alive.device),
            spread(length - 1, trials, self.decoded, alive.device),
        )
        noise = (
            theta["noise"].detach()[(torch.arange(at.numel(), device=at.device) + shift) % NOISES].view(*at.shape, -1)
        )
        mean, log_std = (gather(x, at) for x in beliefs)  # [K, B, Z]
        latent = mean + log_std.exp() * noise
        errors = self._decode(theta, latent, gather(seen, to), gather(seen, to + 1))  # [K, D, B]
        known = gather(alive, at)[:, None] & (gather(alive, to) & ~gather(ended, to + 1))
        zero = torch.zeros_like(beliefs.mean[:1])
        prior = Belief(*(torch.cat([first, x[:-1]]) for first, x in zip((zero, zero), beliefs, strict=True)))
        moved = divergence(beliefs, prior)
        counted = alive if whole else alive & (torch.arange(length, device=alive.device) > 0)[:, None]
        return _mean(errors, known) + self.kl_coef / length * _mean(moved, counted)

    def _decode(self, theta: Params, latent: Tensor, now: Tensor, after: Tensor) -> Tensor:
        """Squared errors [K, D, B] of what latents [K, B, Z] say of steps with inputs [D, B, I] before and after."""
        shape = (len(latent), *now.shape[:2], -1)
        known = torch.cat([now[..., : self.obs], after[..., self.obs : -2]], -1)  # observation and action
        reward, states = after[..., -2:-1], after[..., : self.obs]
        if self.decoder.sizes[-1] == 1:
            known, target = torch.cat([known, states], -1), reward
        else:  # the reward of the state that is decoded
            target = torch.cat([reward, states], -1)
        x = torch.cat([latent[:, None].expand(shape), known[None].expand(shape)], -1)
        errors = (self.decoder(select_prefix("decoder.", theta), x) - target).square()
        return errors[..., 0] + (errors[..., 1:].mean(-1) if errors.shape[-1] > 1 else 0.0)

    def _features(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        seen, beliefs = self._beliefs(theta, phi, x)
        return self._state(beliefs, seen)

    def _beliefs(self, theta: Params, phi: Params, x: Tensor) -> tuple[Tensor, Belief]:
        """Normalised inputs, and the beliefs at every step, of trials [L, B, I]."""
        seen = normalize_input(theta, x)
        return seen, self.believe(theta, run(self.core, theta, phi, seen, fused=True)[1])

    def _state(self, belief: Belief, seen: Tensor) -> Tensor:
        """What policy and value see: the belief and the observation, [..., 2 Z + O]."""
        return torch.cat([belief.features(), seen[..., : self.obs]], -1)


def spread(length: int, trials: int, count: int, device: torch.device) -> Tensor:
    """Up to `count` steps below `length` for each trial, evenly spread, and others in each, [count, B]."""
    count = min(count, length)
    gap = length // count
    return torch.arange(count, device=device)[:, None] * gap + torch.arange(trials, device=device)[None] % gap


def gather(x: Tensor, steps: Tensor) -> Tensor:
    """x [L, B, ...] at steps [K, B] of each trial, [K, B, ...]."""
    return x[steps, torch.arange(steps.shape[1], device=x.device)[None]]


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return torch.where(counted, values, 0.0).sum() / counted.sum().clamp_min(1)
