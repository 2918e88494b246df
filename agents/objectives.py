"""What a learner minimises, inside and outside, and how actions get their credit.

Every objective is `(out, data) -> scalar`, a mean over the steps that were really taken.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Policy, entropy_of, kl_divergence, like, log_prob
from agents.learner import Objective, Transitions
from envs.core import Examples

SMALL = 1e-8


def mean_alive(values: Tensor, data: Transitions) -> Tensor:
    """Mean over the steps taken, scalar; whatever stands at the others, NaN too, is left out."""
    return torch.where(data.alive, values, 0.0).sum() / data.alive.sum().clamp_min(1)


def likelihood_ratio(out: Policy, data: Transitions) -> Tensor:
    """pi(a|s) / pi_sampling(a|s), [T, E]; 1 where no step was taken."""
    return torch.where(data.alive, log_prob(out, data.act) - data.logp, 0.0).exp()


def policy_gradient(out: Policy, data: Transitions) -> Tensor:
    """-E[ratio * A]: the surrogate whose derivatives are the policy gradient.

    The likelihood-ratio form has the same first derivative as -E[log pi * A]; its second derivative keeps the term
    E[A grad log pi grad log pi^T], which is the credit of the actions taken before adaptation (Rothfuss et al. 2019,
    ProMP: the low variance curvature estimator, section 5, in its likelihood-ratio form, section 6, eq. 12).
    """
    return -mean_alive(likelihood_ratio(out, data) * data.adv, data)


def _weighed(out: Policy, data: Transitions) -> tuple[Tensor, Tensor]:
    """log pi(a|s), and its likelihood ratio without a derivative; 0 and 1 where no step was taken."""
    logp = torch.where(data.alive, log_prob(out, data.act), 0.0)
    return logp, torch.where(data.alive, logp - data.logp, 0.0).exp().detach()


def score_function(out: Policy, data: Transitions) -> Tensor:
    """-E[log pi * A] (Williams 1992). As an inner objective it loses the credit of the actions taken before adaptation:
    of the Hessian of the return only E[A Hess log pi] is left (Foerster et al. 2018, arXiv 1802.05098, section 3.1).

    Of a policy that has moved since it sampled, as in later epochs, an action counts by its likelihood ratio.
    """
    logp, weight = _weighed(out, data)
    return -mean_alive(logp * weight * data.adv, data)


def dice(out: Policy, data: Transitions) -> Tensor:
    """The infinitely differentiable estimator, with advantages in place of returns (Foerster et al. 2018, arXiv
    1802.05098, eq. 4; Farquhar et al. 2019, arXiv 1909.10549, eq. 12 with lambda 1).

    Each advantage is weighed by how likely the actions up to it are, less how likely those before it: every derivative
    is unbiased if the advantages are, and of high variance. Episodes are along the second axis. Of a policy that has
    moved since it sampled an action counts by its likelihood ratio, as in `policy_gradient`.
    """
    logp, weight = _weighed(out, data)
    logp = logp.cumsum(0)
    magic = (logp - logp.detach()).exp()
    before = torch.cat([torch.ones_like(magic[:1]), magic[:-1]])
    return -mean_alive((magic - before) * weight * data.adv, data)


def exploration_credit(out: Policy, support: Transitions, query: Transitions, normalise: bool = True) -> Tensor:
    """-E[log pi(support) * (return after adaptation - b)]: the actions before adaptation are paid by what came after it
    (Stadie et al. 2018, E-MAML, arXiv 1803.01118, eq. 3).

    An episode's b is the mean return of the other support episodes, which its own actions do not touch; with a single
    one it is zero. Episodes that broke down count nowhere. normalise: in deviations of all these returns, as advantages
    are; otherwise as it is. Of a policy that has moved since it sampled an action counts by its likelihood ratio.
    """
    logp, weight = _weighed(out, support)
    logp = (logp * weight).sum(0)  # [E]
    whole = torch.cat([support.alive[0], query.alive[0]]).to(support.ret)  # [2 E], 1 where an episode counts
    returns = torch.cat([support.ret[0], query.ret[0]]) * whole
    before, there = returns[: len(logp)], whole[: len(logp)]
    others = (before.sum() - before) / (there.sum() - 1).clamp_min(1)
    credit = returns[len(logp) :].sum() / whole[len(logp) :].sum().clamp_min(1) - others
    if normalise:
        usual = returns.sum() / whole.sum().clamp_min(1)
        spread = ((returns - usual) * whole).square().sum() / whole.sum().clamp_min(1)
        credit = credit / (spread.sqrt() + SMALL)
    steps = support.alive.sum().clamp_min(1) / len(logp)  # of an episode: objectives are means over steps
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
    """Binary cross-entropy in bits, mean over the answers: logits and y in {0, 1} of one shape."""
    return F.binary_cross_entropy_with_logits(logits, data.y) / math.log(2)


def with_penalty(objective: Objective, penalty: Objective, coef: float) -> Objective:
    """objective + coef * penalty."""
    if coef == 0:
        return objective
    return lambda out, data: objective(out, data) + coef * penalty(out, data)


def kl_to_sampling(out: Policy, data: Transitions) -> Tensor:
    """E[KL(pi_sampling || pi)], nats."""
    return mean_alive(kl_divergence(like(out, data.mean, data.log_std), out), data)


def entropy(out: Policy, data: Transitions) -> Tensor:
    """Entropy of the policy averaged over the steps taken, nats."""
    return mean_alive(entropy_of(out), data)
