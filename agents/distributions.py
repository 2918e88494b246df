"""Distributions over actions, as records of tensors that pass through `vmap`.

Axes: `A` action.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from envs.rng import normal, uniform


class Gaussian(NamedTuple):
    """A diagonal normal distribution over actions."""

    mean: Tensor  # [..., A]
    log_std: Tensor  # [..., A]


class Categorical(NamedTuple):
    """One of `A` discrete actions, a one-hot vector. Stored like a Gaussian: mean = logits, log_std = 0."""

    logits: Tensor  # [..., A]

    @property
    def mean(self) -> Tensor:
        return self.logits

    @property
    def log_std(self) -> Tensor:
        return torch.zeros_like(self.logits)


class TanhGaussian(NamedTuple):
    """The hyperbolic tangent of a diagonal normal distribution: actions in (-1, 1)."""

    mean: Tensor  # [..., A] of the normal distribution
    log_std: Tensor  # [..., A]


Policy = Gaussian | Categorical | TanhGaussian
NEAR_ONE = 1 - 1e-6  # of actions, whose inverse tangent is infinite at 1


def from_stored(kind: Policy, mean: Tensor, log_std: Tensor) -> Policy:
    """The distribution stored as `mean` and `log_std`, of the same class as `kind`."""
    return Categorical(mean) if isinstance(kind, Categorical) else type(kind)(mean, log_std)


def log_prob(out: Policy, act: Tensor) -> Tensor:
    """Log-density or log-probability of actions [..., A], [...]."""
    if isinstance(out, Categorical):
        return (out.logits.log_softmax(-1) * act).sum(-1)
    if isinstance(out, TanhGaussian):
        return log_prob_before_tanh(out, act.clamp(-NEAR_ONE, NEAR_ONE).atanh())
    z = (act - out.mean) * (-out.log_std).exp()
    return (-0.5 * z.square() - out.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def log_prob_before_tanh(out: TanhGaussian, u: Tensor) -> Tensor:
    """Log-density of the actions tanh(u), u [..., A] -> [...] (Haarnoja et al. 2018, arXiv 1801.01290, eq. 21).

    log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), which does not overflow.
    """
    stretched = 2 * (math.log(2) - u - torch.nn.functional.softplus(-2 * u))
    return log_prob(Gaussian(*out), u) - stretched.sum(-1)


def kl_divergence(p: Policy, q: Policy) -> Tensor:
    """KL(p || q) in nats, [...]; p and q are of the same class. It is the same before and after the tangent."""
    if isinstance(p, Categorical):
        logs = p.logits.log_softmax(-1)
        return (logs.exp() * (logs - q.mean.log_softmax(-1))).sum(-1)
    var_ratio = (2 * (p.log_std - q.log_std)).exp()
    distance = ((p.mean - q.mean) * (-q.log_std).exp()).square()
    return 0.5 * (var_ratio + distance - 1 - var_ratio.log()).sum(-1)


def entropy_of(out: Policy) -> Tensor:
    """Entropy in nats, [...]."""
    if isinstance(out, Categorical):
        logs = out.logits.log_softmax(-1)
        return -(logs.exp() * logs).sum(-1)
    if isinstance(out, TanhGaussian):
        raise TypeError("the entropy of the tanh of a normal distribution has no formula")
    return (out.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)


def mode(out: Policy) -> Tensor:
    """The greedy action, [..., A]."""
    if isinstance(out, Categorical):
        return one_hot(out.logits.argmax(-1), out.logits.shape[-1]).to(out.logits)
    return out.mean.tanh() if isinstance(out, TanhGaussian) else out.mean


def sample(out: Policy, generator: torch.Generator) -> Tensor:
    """A sampled action, [..., A]."""
    if isinstance(out, Categorical):
        gumbel = -torch.log(-uniform(out.logits.shape, generator).clamp_min(1e-20).log())
        best = (out.logits + gumbel).argmax(-1)
        return one_hot(best, out.logits.shape[-1]).to(out.logits)
    act = out.mean + out.log_std.exp() * normal(out.mean.shape, generator)
    return act.tanh() if isinstance(out, TanhGaussian) else act
