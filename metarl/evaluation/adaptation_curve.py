"""Returns by the number of adaptation episodes: adapt to each task, then evaluate on fresh episodes.

Axes: `N` tasks, `R` repeats of the adaptation to each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import TaskDistribution, Tasks, Trajectories
from metarl.training.collect import AdvantageEstimator, Clock, collect_rollouts


class AdaptationResult(NamedTuple):
    """Returns of every task and repeat after some number of adaptation episodes; NaN where a simulation diverged."""

    sampled: Tensor  # [N, R] of sampled actions
    greedy: Tensor  # [N, R] of greedy actions
    seconds: float  # of computation for one adaptation, without simulation
    diverged: float  # fraction of the episodes whose simulation diverged
    results: Mapping[str, Tensor] = MappingProxyType({})  # [N, R] what came of greedy episodes, such as `success`


def rounds_of(episodes: int, batch: int) -> tuple[int, ...]:
    """The episodes of each adaptation round: `batch` of them, and what is left in the last round."""
    full_rounds, rest = divmod(episodes, batch)
    return (batch,) * full_rounds + ((rest,) if rest else ())


def evaluate_adaptation(
    learners: Mapping[int, Learner[Any]],
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    repeats: int,
    batch: int,
    advantage: AdvantageEstimator,
    generator: torch.Generator,
) -> dict[int, AdaptationResult]:
    """How well each learner does after as many adaptation episodes as its key says, with up to `batch` a round.

    Each repeat is an adaptation of its own, evaluated on one episode of sampled and one of greedy actions. A recurrent
    learner, the same for all keys, acts in whole trials, half of them with sampled and half with greedy actions.
    """

    def collect(learner: Learner[Any], plan: tuple[int, ...], greedy: int, clock: Clock) -> tuple[Trajectories, ...]:
        return collect_rollouts(
            learner, theta, family, tasks, plan, advantage, generator, greedy=greedy, clock=clock
        ).trajectories

    last = learners[max(learners)]
    if last.is_recurrent:
        return _evaluate_trials(collect, last, tuple(learners), repeats)
    results = {k: _evaluate_after(collect, learner, rounds_of(k, batch), repeats) for k, learner in learners.items()}
    acting = results[0].seconds if 0 in results else 0.0  # in the two episodes of evaluation
    return {k: r._replace(seconds=max(r.seconds - acting, 0.0)) for k, r in results.items()}


Collect = Callable[[Learner[Any], tuple[int, ...], int, Clock], tuple[Trajectories, ...]]
"""(learner, episodes of each round, greedy episodes of the last, clock) -> the trajectories of each round."""


def _evaluate_after(collect: Collect, learner: Learner[Any], rounds: tuple[int, ...], repeats: int) -> AdaptationResult:
    clock = Clock()
    rollouts = [collect(learner, (*rounds, 2), 1, clock) for _ in range(repeats)]
    returns = torch.stack([rounds[-1].returns for rounds in rollouts], 1).cpu()  # [N, R, 2]
    seconds = _computing_seconds(clock) / returns[..., 0].numel()
    results = {
        name: torch.stack([rounds[-1].results[name][:, 1] for rounds in rollouts], 1).cpu()
        for name in rollouts[0][-1].results
    }
    return AdaptationResult(returns[..., 0], returns[..., 1], seconds, _fraction_diverged(sum(rollouts, ())), results)


def _evaluate_trials(
    collect: Collect, learner: Learner[Any], after: tuple[int, ...], repeats: int
) -> dict[int, AdaptationResult]:
    clock = Clock()
    rollouts = collect(learner, (2 * repeats,) * (max(after) + 1), repeats, clock)
    seconds = _computing_seconds(clock) / (rollouts[0].returns.numel() * len(rollouts))
    results = {}
    for k in after:
        sampled, greedy = rollouts[k].returns.cpu().chunk(2, 1)
        came = {name: x.chunk(2, 1)[1].cpu() for name, x in rollouts[k].results.items()}
        results[k] = AdaptationResult(sampled, greedy, k * seconds, _fraction_diverged(rollouts[k : k + 1]), came)
    return results


def _computing_seconds(clock: Clock) -> float:
    return clock.seconds.get("learning", 0.0) + clock.seconds["policy"]


def _fraction_diverged(rollouts: tuple[Trajectories, ...]) -> float:
    return torch.cat([t.diverged.flatten() for t in rollouts]).float().mean().item()
