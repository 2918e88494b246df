"""Objectives of the inner and the outer step.

Every objective is `(out, data) -> scalar`. Those of policies are means over the alive steps.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Policy, entropy_of, from_stored, kl_divergence, log_prob
from agents.records import Objective, Transitions
from envs.core import Examples

SMALL = 1e-8  # added to a standard deviation before dividing by it


def mean_alive(values: Tensor, data: Transitions) -> Tensor:
    """Mean of values [T, E] over the alive steps, scalar; other values are ignored, even if they are NaN."""
    return torch.where(data.alive, values, 0.0).sum() / data.alive.sum().clamp_min(1)


def likelihood_ratio(out: Policy, data: Transitions) -> Tensor:
    """pi(a|s) / pi_sampling(a|s), [T, E]; 1 where not alive."""
    return torch.where(data.alive, log_prob(out, data.act) - data.logp, 0.0).exp()


def policy_gradient(out: Policy, data: Transitions) -> Tensor:
    """-E[ratio * A]: the surrogate whose derivatives are the policy gradient.

    The likelihood-ratio form has the same first derivative as -E[log pi * A]; its second derivative keeps the term
    E[A grad log pi grad log pi^T], which is the credit of the actions taken before adaptation (Rothfuss et al. 2019,
    ProMP: the low variance curvature estimator, section 5, in its likelihood-ratio form, section 6, eq. 12).
    """
    return -mean_alive(likelihood_ratio(out, data) * data.adv, data)


def _logp_and_ratio(out: Policy, data: Transitions) -> tuple[Tensor, Tensor]:
    """log pi(a|s), and its likelihood ratio, detached, [T, E] each; 0 and 1 where not alive."""
    logp = torch.where(data.alive, log_prob(out, data.act), 0.0)
    return logp, torch.where(data.alive, logp - data.logp, 0.0).exp().detach()


def score_function(out: Policy, data: Transitions) -> Tensor:
    """-E[log pi * A] (Williams 1992).

    As an inner objective it loses the credit of the actions taken before adaptation: only E[A Hess log pi] remains of
    the Hessian of the return (Foerster et al. 2018, arXiv 1802.05098, section 3.1). Actions are weighted by their
    likelihood ratio, for policies that have changed since sampling, as in later epochs.
    """
    logp, ratio = _logp_and_ratio(out, data)
    return -mean_alive(logp * ratio * data.adv, data)


def dice(out: Policy, data: Transitions) -> Tensor:
    """The infinitely differentiable estimator, with advantages in place of returns (Foerster et al. 2018, arXiv
    1802.05098, eq. 4; Farquhar et al. 2019, arXiv 1909.10549, eq. 12 with lambda 1).

    The weight of an advantage depends on the probability of all actions of its episode up to it, minus that of the
    actions before it: every derivative is unbiased if the advantages are, and has high variance. Episodes are along
    the second axis. Actions are weighted by their likelihood ratio, as in `score_function`.
    """
    logp, ratio = _logp_and_ratio(out, data)
    logp = logp.cumsum(0)
    magic = (logp - logp.detach()).exp()
    before = torch.cat([torch.ones_like(magic[:1]), magic[:-1]])
    return -mean_alive((magic - before) * ratio * data.adv, data)


def exploration_credit(out: Policy, support: Transitions, query: Transitions, normalise: bool = True) -> Tensor:
    """-E[log pi(support) * (return after adaptation - b)]: credits the actions before adaptation with the return after
    it (Stadie et al. 2018, E-MAML, arXiv 1803.01118, eq. 3).

    The baseline b of an episode is the mean return of the other support episodes, which do not depend on its actions;
    it is zero for a single episode. Episodes that are not alive at their first step (diverged) are ignored.

    normalise: divide by the standard deviation of all these returns, so that the scale is that of advantages. Actions
    are weighted by their likelihood ratio, as in `score_function`.
    """
    logp, ratio = _logp_and_ratio(out, support)
    logp = (logp * ratio).sum(0)  # [E]
    valid = torch.cat([support.alive[0], query.alive[0]]).to(support.ret)  # [2 E], 1 for episodes that count
    returns = torch.cat([support.ret[0], query.ret[0]]) * valid
    before, valid_before = returns[: len(logp)], valid[: len(logp)]
    baseline = (before.sum() - before) / (valid_before.sum() - 1).clamp_min(1)
    credit = returns[len(logp) :].sum() / valid[len(logp) :].sum().clamp_min(1) - baseline
    if normalise:
        mean = returns.sum() / valid.sum().clamp_min(1)
        variance = ((returns - mean) * valid).square().sum() / valid.sum().clamp_min(1)
        credit = credit / (variance.sqrt() + SMALL)
    steps = support.alive.sum().clamp_min(1) / len(logp)  # per episode, because objectives are means over steps
    return -(logp * credit.detach()).sum() / steps


def clipped_policy_gradient(clip_coef: float) -> Objective:
    """-E[min(ratio A, clip(ratio, 1 +- clip_coef) A)] (Schulman et al. 2017, PPO, eq. 7)."""

    def objective(out: Policy, data: Transitions) -> Tensor:
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
    """Binary cross-entropy in bits, mean over all elements: logits and y in {0, 1} have the same shape."""
    return F.binary_cross_entropy_with_logits(logits, data.y) / math.log(2)


def with_penalty(objective: Objective, penalty: Objective, coef: float) -> Objective:
    """objective + coef * penalty."""
    if coef == 0:
        return objective
    return lambda out, data: objective(out, data) + coef * penalty(out, data)


def kl_to_sampling(out: Policy, data: Transitions) -> Tensor:
    """E[KL(pi_sampling || pi)], nats."""
    return mean_alive(kl_divergence(from_stored(out, data.mean, data.log_std), out), data)


def entropy(out: Policy, data: Transitions) -> Tensor:
    """Mean entropy of the policy, nats."""
    return mean_alive(entropy_of(out), data)
