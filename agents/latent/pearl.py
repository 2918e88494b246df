"""PEARL: K. Rakelly, A. Zhou, D. Quillen, C. Finn, S. Levine, 2019, Efficient off-policy meta-reinforcement learning
via probabilistic context variables, arXiv 1903.08254.

Carried from task to task: an encoder of single steps (state, action, reward) into Gaussian factors over a latent
description z of the task; a soft actor-critic whose policy and values observe z. Formed within one task: the product of
the factors of all steps so far, in any order, the posterior of z. An episode acts by one z: a sample of the prior
N(0, 1) before any experience, of the posterior after it. The encoder learns from the errors of the values and from the
divergence of the posterior to the prior (eq. 1); the policy does not move it.

Departures: the temperature is learned and the values are two, with slow copies (`agents.baselines.sac`), where the
authors have a fixed scale of rewards and a state-value function besides; the divergence is a mean over tasks, not a
sum; both kinds of episodes, of the prior and of the posterior, are context, as they are when the learner is judged.

Axes: `M` tasks of a batch, `B` transitions, `C` steps of context, `D` their width, `O` observation, `A` action, `Z`
latent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from agents.baselines.sac import SAC, OffPolicyData
from agents.distributions import TanhGaussian
from agents.learner import NOISE
from agents.nn.perceptrons import MLP
from agents.records import Context, Params, select_prefix, with_prefix

MIN_VARIANCE = 1e-7  # of a factor; the authors' code
ENCODER = "encoder."


class PEARLData(NamedTuple):
    """Transitions of a task, and other, recent ones from which the task is inferred; or of M tasks."""

    transitions: OffPolicyData  # [M, B, ...], noise [2, M, B, A]
    context: Tensor  # [M, C, D]
    noise: Tensor  # [M, Z] standard normal, of the latents that are sampled


class Posterior(NamedTuple):
    """A Gaussian over z with a diagonal covariance."""

    mean: Tensor  # [..., Z]
    variance: Tensor  # [..., Z]

    def sample(self, noise: Tensor) -> Tensor:
        """z [..., Z], from standard normal noise."""
        return self.mean + self.variance.sqrt() * noise

    def divergence(self) -> Tensor:
        """KL to N(0, 1) in nats, [...]."""
        return 0.5 * (self.variance + self.mean.square() - 1 - self.variance.log()).sum(-1)


def product(mean: Tensor, precision: Tensor) -> Posterior:
    """The normalised product of Gaussian factors [..., C, Z]: precisions add up."""
    total = precision.sum(-2)
    return Posterior((precision * mean).sum(-2) / total, 1 / total)


@dataclass(frozen=True)
class PEARL(SAC):
    """encoder: of D to 2 Z. actor: of O + Z. critic: of O + Z + A. kl_coef: weight of the divergence to the prior.
    next_state: whether a step of context holds the state that follows, so that D is 2 O + A + 1 in place of O + A + 1.
    """

    encoder: MLP = field(default_factory=lambda: MLP(1, 2))
    kl_coef: float = 0.1
    next_state: bool = False
    rounds = 2  # the authors judge it after two episodes
    adapts_on_rewards: ClassVar[bool] = True

    @property
    def latent_size(self) -> int:
        """Z."""
        return self.encoder.sizes[-1] // 2

    def init(self, generator: torch.Generator) -> Params:
        return super().init(generator) | with_prefix(ENCODER, self.encoder.init(generator))

    def initial_state(self, theta: Params) -> Params:
        """Nothing is known: sums of the factors' precisions and of means times precisions, and noise, [Z] each."""
        zero = theta["log_alpha"].detach().new_zeros(self.latent_size)
        return {"precision": zero, "weighted": zero, NOISE: zero}

    def adapt(self, theta: Params, phi: Params, support: Context) -> Params:
        """The factors of more steps are multiplied to those before."""
        return phi | {k: phi[k] + v.sum((0, 1)) for k, v in self._terms(theta, support).items()}

    def posteriors(self, theta: Params, support: Context) -> Posterior:
        """What is known after every step, [T, E, Z], of episodes side by side that are not told of each other."""
        return self.posterior({k: v.cumsum(0) for k, v in self._terms(theta, support).items()})

    def _terms(self, theta: Params, support: Context) -> Params:
        """What every step adds to phi, [T, E, Z]."""
        mean, precision = self.factors(theta, self.steps(support.x, support.act, support.rew, support.next_x))
        alive = support.alive[..., None]
        weighted = torch.where(alive, precision * mean, 0.0)
        return {"precision": torch.where(alive, precision, 0.0), "weighted": weighted}

    def posterior(self, phi: Params) -> Posterior:
        """What is known of the task; the prior where nothing is."""
        variance = torch.where(phi["precision"] > 0, 1 / phi["precision"], 1.0)
        return Posterior(phi["weighted"] * variance, variance)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> TanhGaussian:
        """Observations [..., O], of episodes that share a z."""
        z = self.posterior(phi).sample(phi[NOISE])
        return self.distribution(select_prefix("policy.", theta), _beside(x, z))

    def steps(self, x: Tensor, act: Tensor, rew: Tensor, next_x: Tensor) -> Tensor:
        """What the encoder is given of steps, [..., D]."""
        return torch.cat([x, act, rew[..., None], *([next_x] if self.next_state else [])], -1)

    def factors(self, theta: Params, context: Tensor) -> tuple[Tensor, Tensor]:
        """Means and precisions of the factors of steps [..., D], [..., Z] each."""
        mean, spread = self.encoder(select_prefix(ENCODER, theta), context).chunk(2, -1)
        return mean, 1 / torch.nn.functional.softplus(spread).clamp_min(MIN_VARIANCE)

    def loss(self, theta: Params, data: PEARLData) -> Tensor:  # type: ignore[override]  # context besides
        """SAC's on states and z, where the encoder is moved by the values alone, and the divergence to the prior."""
        posterior = product(*self.factors(theta, data.context))
        z, batch = posterior.sample(data.noise), data.transitions
        fixed = z.detach()
        still = batch._replace(x=_beside(batch.x, fixed), next_x=_beside(batch.next_x, fixed))
        learned = self.objective(theta, still, _beside(batch.x, z))
        return learned + self.kl_coef * posterior.divergence().mean()


def _beside(x: Tensor, z: Tensor) -> Tensor:
    """Observations [M, ..., O] and the latent of their task [M, Z], or those of one task, [M, ..., O + Z]."""
    z = z.view(*z.shape[:-1], *(1,) * (x.dim() - z.dim()), z.shape[-1])
    return torch.cat([x, z.expand(*x.shape[:-1], -1)], -1)
