"""What a learner minimises, inside and outside, and how actions get their credit.

Every objective is `(out, data) -> scalar`, a mean over the steps that were really taken.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Gaussian, Objective, Transitions
from envs.core import Examples


def log_prob(out: Gaussian, act: Tensor) -> Tensor:
    """Log-density of actions, summed over action dimensions, [...]."""
    z = (act - out.mean) * (-out.log_std).exp()
    return (-0.5 * z.square() - out.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def kl_divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """KL(p || q) of diagonal normals, summed over action dimensions, [...]."""
    var_ratio = (2 * (p.log_std - q.log_std)).exp()
    distance = ((p.mean - q.mean) * (-q.log_std).exp()).square()
    return 0.5 * (var_ratio + distance - 1 - var_ratio.log()).sum(-1)


def mean_alive(values: Tensor, data: Transitions) -> Tensor:
    """Mean over the steps taken, scalar; whatever stands at the others, NaN too, is left out."""
    return torch.where(data.alive, values, 0.0).sum() / data.alive.sum().clamp_min(1)


def likelihood_ratio(out: Gaussian, data: Transitions) -> Tensor:
    """pi(a|s) / pi_sampling(a|s), [T, E]; 1 where no step was taken."""
    return torch.where(data.alive, log_prob(out, data.act) - data.logp, 0.0).exp()


def policy_gradient(out: Gaussian, data: Transitions) -> Tensor:
    """-E[ratio * A]: the surrogate whose derivatives are the policy gradient.

    The likelihood-ratio form has the same first derivative as -E[log pi * A]; its second derivative keeps the term
    E[A grad log pi grad log pi^T], which is the credit of the actions taken before adaptation (Rothfuss et al. 2019,
    ProMP: the low variance curvature estimator, section 5, in its likelihood-ratio form, section 6, eq. 12).
    """
    return -mean_alive(likelihood_ratio(out, data) * data.adv, data)


def clipped_policy_gradient(clip_coef: float) -> Objective:
    """-E[min(ratio A, clip(ratio, 1 +- clip_coef) A)] (Schulman et al. 2017, PPO, eq. 7)."""

    def objective(out: Gaussian, data: Transitions) -> Tensor:
        ratio = likelihood_ratio(out, data)
        clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
        return -mean_alive(torch.minimum(ratio * data.adv, clipped * data.adv), data)

    return objective


def cross_entropy(logits: Tensor, data: Examples) -> Tensor:
    """-log softmax(logits)[y], mean over the examples: logits [Q, C], labels [Q]."""
    return F.cross_entropy(logits, data.y)


def mse(out: Tensor, data: Examples) -> Tensor:
    """Mean squared error over the examples."""
    return (out - data.y).square().mean()


def bits(logits: Tensor, data: Examples) -> Tensor:
    """Binary cross-entropy in bits, mean over the answers: logits and y in {0, 1} of one shape."""
    return F.binary_cross_entropy_with_logits(logits, data.y) / math.log(2)


def with_penalty(objective: Objective, penalty: Objective, coef: float) -> Objective:
    """objective + coef * penalty."""
    if coef == 0:
        return objective
    return lambda out, data: objective(out, data) + coef * penalty(out, data)


def kl_to_sampling(out: Gaussian, data: Transitions) -> Tensor:
    """E[KL(pi_sampling || pi)], nats."""
    return mean_alive(kl_divergence(Gaussian(data.mean, data.log_std), out), data)


def entropy(out: Gaussian, data: Transitions) -> Tensor:
    """Entropy of the policy averaged over the steps taken, nats."""
    return mean_alive((out.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1), data)
