"""A linear baseline whose weights are drawn towards those of other tasks: hierarchical Bayesian regression (D. V.
Lindley and A. F. M. Smith, 1972, Bayes estimates for the linear model), by expectation maximisation (Dempster et al.
1977).

Returns to go are features times weights plus noise, and the weights of a task are drawn from a normal distribution over
tasks. Its mean, its covariance and the noise are carried from task to task; the weights are formed within one, as their
expectation given its episodes. With few episodes they stay near the mean, except in directions in which tasks differ;
with many they come to the least squares of the task alone. Returns of neighbouring steps share later rewards, so that
their noise is much the same: as many steps count as one as the noise says.

Axes: `N` tasks, `T` steps, `E` episodes, `O` observation, `F` = 2 O + 4 features (`agents.advantages`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from agents.advantages import RIDGE, AllReduceSum, baseline_features
from agents.records import Params, select_prefix, with_prefix

MIN_SCALE = 0.01  # of a feature; chosen
FIRST_STEPS, STEPS = 30, 5  # of expectation maximisation on the first tasks, and on later ones; chosen
BLEND = 0.2  # weight of the latest tasks; chosen
JITTER = 1e-6  # of the mean variance, so that the covariance has an inverse


class LinearPrior(NamedTuple):
    """The distribution of a task's weights, in units of `scale`.

    Before any data it is so wide that the baseline is the least squares of the task.
    """

    mean: Tensor  # [F]
    cov: Tensor  # [F, F]
    noise: Tensor  # [] variance of a return to go around its expectation
    correlated: Tensor  # [] steps whose noise counts as one
    scale: Tensor  # [F] of each feature
    begun: Tensor  # [] 0 before any data, then 1


def initial_prior(obs: int) -> LinearPrior:
    """Before any data."""
    size = 2 * obs + 4
    wide = torch.eye(size) / RIDGE
    one = torch.ones(())
    return LinearPrior(torch.zeros(size), wide, one, one.clone(), torch.ones(size), torch.zeros(()))


def pack_prior(name: str, prior: LinearPrior) -> Params:
    """As a part of theta."""
    return with_prefix(f"{name}.", prior._asdict())


def unpack_prior(name: str, theta: Params) -> LinearPrior:
    """The inverse of `pack_prior`, detached."""
    return LinearPrior(**{k: v.detach() for k, v in select_prefix(f"{name}.", theta).items()})


def fit_with_prior(prior: LinearPrior, obs: Tensor, ret: Tensor, alive: Tensor) -> Tensor:
    """Values [T, E] float64 of one task, given the returns to go of its episodes: obs [T, E, O], ret, alive [T, E]."""
    features = baseline_features(obs) / prior.scale.double()
    precision = _precision(prior.cov)
    gram, right, _ = _sums(features, ret, alive)
    tempered = (prior.noise * prior.correlated).double()
    weights = torch.linalg.solve_ex(
        gram / tempered + precision, right / tempered + precision @ prior.mean.double()
    ).result
    value: Tensor = features @ weights
    return value


def updated(prior: LinearPrior, obs: Tensor, ret: Tensor, alive: Tensor, all_reduce_sum: AllReduceSum) -> LinearPrior:
    """The prior after more tasks: obs [N, T, E, O], ret, alive [N, T, E]; of all processes together."""
    first = not bool(prior.begun)
    raw = vmap(baseline_features)(obs)
    taken = all_reduce_sum(alive.sum().double()).clamp_min(1)
    scale = prior.scale.double()
    if first:
        squares = torch.where(alive[..., None], raw.square(), 0.0).sum((0, 1, 2))
        scale = (all_reduce_sum(squares) / taken).sqrt().clamp_min(MIN_SCALE)
    features = raw / scale
    tasks = all_reduce_sum(torch.tensor(float(len(obs)), dtype=torch.float64))
    sums = _TaskSums(features, ret, alive, *vmap(_sums)(features, ret, alive), taken, tasks, all_reduce_sum)
    old = _first_guess(sums) if first else _Distribution(*(x.double() for x in prior[:4]))
    new, blend = old, 1.0 if first else BLEND
    for _ in range(FIRST_STEPS if first else STEPS):
        step = _maximise(new, sums)
        new = _Distribution(*(a + blend * (b - a) for a, b in zip(old, step, strict=True)))
    stored = (*new, scale, torch.ones(()))
    return LinearPrior(*(x.to(like) for x, like in zip(stored, prior, strict=True)))


class _Distribution(NamedTuple):
    """The first fields of `LinearPrior`, float64."""

    mean: Tensor
    cov: Tensor
    noise: Tensor
    correlated: Tensor


class _TaskSums(NamedTuple):
    """The data of each task, and sums over its alive steps."""

    features: Tensor  # [N, T, E, F]
    ret: Tensor  # [N, T, E]
    alive: Tensor  # [N, T, E]
    gram: Tensor  # [N, F, F] of features
    right: Tensor  # [N, F] of features times returns
    squares: Tensor  # [N] of returns
    taken: Tensor  # [] steps of all tasks of all processes
    tasks: Tensor  # [] of all processes
    all_reduce_sum: AllReduceSum


def _sums(features: Tensor, ret: Tensor, alive: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x = torch.where(alive[..., None], features, 0.0).flatten(0, 1)  # [T * E, F]
    y = torch.where(alive, ret.double(), 0.0).flatten()
    return x.T @ x, x.T @ y, y.square().sum()


def _precision(cov: Tensor) -> Tensor:
    """The inverse of a covariance, with a little added to its diagonal."""
    cov = cov.double()
    jitter = JITTER * cov.diagonal(dim1=-2, dim2=-1).mean(-1)
    inverse: Tensor = torch.linalg.inv_ex(
        cov + jitter * torch.eye(len(cov), dtype=cov.dtype, device=cov.device)
    ).inverse
    return inverse


def _first_guess(sums: _TaskSums) -> _Distribution:
    """The least squares of all tasks together, and as wide as these weights are large."""
    gram, right, squares = (sums.all_reduce_sum(x.sum(0)) for x in (sums.gram, sums.right, sums.squares))
    eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    mean = torch.linalg.solve_ex(gram + RIDGE * sums.taken * eye, right).result
    wide = eye * mean.square().mean().clamp_min(RIDGE)
    return _Distribution(mean, wide, (squares / sums.taken).clamp_min(RIDGE), torch.ones_like(squares))


def _maximise(old: _Distribution, sums: _TaskSums) -> _Distribution:
    """One step: the weights of every task given the distribution, then the distribution given these."""
    precision = _precision(old.cov)
    tempered = old.noise * old.correlated
    spread = torch.linalg.inv_ex(sums.gram / tempered + precision).inverse  # [N, F, F]
    given = sums.right / tempered + precision @ old.mean
    weights = (spread @ given[..., None])[..., 0]  # [N, F]
    reduce = sums.all_reduce_sum
    mean = reduce(weights.sum(0)) / sums.tasks
    apart = weights - mean
    cov = reduce((spread + apart[:, :, None] * apart[:, None]).sum(0)) / sums.tasks
    fitted = (weights[:, None] @ sums.gram @ weights[..., None])[:, 0, 0]
    error = sums.squares - 2 * (weights * sums.right).sum(1) + fitted + (spread * sums.gram).sum((1, 2))
    noise = (reduce(error.sum()) / sums.taken).clamp_min(RIDGE)
    return _Distribution(mean, cov, noise, _correlated(weights, sums))


def _correlated(weights: Tensor, sums: _TaskSums) -> Tensor:
    """How much more the noise summed over an episode varies than that of as many independent steps, at least 1."""
    residual = torch.where(sums.alive, sums.ret - (sums.features * weights[:, None, None]).sum(-1), 0.0)  # [N, T, E]
    together, alone = residual.sum(1).square().sum(), residual.square().sum()
    return (sums.all_reduce_sum(together) / sums.all_reduce_sum(alone).clamp_min(RIDGE)).clamp_min(1.0)
