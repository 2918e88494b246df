"""What every evaluation rests on: adapt to tasks on so many episodes, and be judged on fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import TaskDistribution, Tasks, Trajectories
from metarl.training.collect import AdvantageEstimator, Clock, collect_rollouts
from metarl.training.policies import is_recurrent


class AdaptationResult(NamedTuple):
    """Returns of every task and trial after some episodes of adaptation; NaN where a simulation broke down."""

    sampled: Tensor  # [N, trials], of actions as they are drawn while it adapts
    greedy: Tensor  # [N, trials], of the likeliest actions
    adapting: float  # seconds of computation that a trial took, without simulation
    diverged: float  # share of episodes whose simulation broke down


def rounds_of(episodes: int, batch: int) -> tuple[int, ...]:
    """Episodes of each round, `batch` at most."""
    whole, rest = divmod(episodes, batch)
    return (batch,) * whole + ((rest,) if rest else ())


def evaluate_adaptation(
    learners: Mapping[int, Learner],
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    repeats: int,
    batch: int,
    advantage: AdvantageEstimator,
    generator: torch.Generator,
) -> dict[int, AdaptationResult]:
    """How well each learner does after as many episodes as its key says, adapting on up to `batch` of them at once.

    A trial is an adaptation of its own, judged on an episode in which actions are drawn and one in which the likeliest
    are taken. A learner that adapts while it acts, the same for all keys, goes through whole trials in either way.
    """

    def go(learner: Learner, plan: tuple[int, ...], greedy: int, clock: Clock) -> tuple[Trajectories, ...]:
        return collect_rollouts(
            learner, theta, family, tasks, plan, advantage, generator, greedy=greedy, clock=clock
        ).trajectories

    last = learners[max(learners)]
    if is_recurrent(last):
        return _in_one_go(go, last, tuple(learners), repeats)
    found = {k: _one_by_one(go, learner, rounds_of(k, batch), repeats) for k, learner in learners.items()}
    judging = found[0].adapting if 0 in found else 0.0  # acting in the two episodes that it is judged on
    return {k: j._replace(adapting=max(j.adapting - judging, 0.0)) for k, j in found.items()}


Go = Callable[[Learner, tuple[int, ...], int, Clock], tuple[Trajectories, ...]]
"""(learner, plan, greedy, clock) -> what all tasks went through."""


def _one_by_one(go: Go, learner: Learner, rounds: tuple[int, ...], repeats: int) -> AdaptationResult:
    clock = Clock()
    rollouts = [go(learner, (*rounds, 2), 1, clock) for _ in range(repeats)]
    returns = torch.stack([rounds[-1].returns for rounds in rollouts], 1).cpu()  # [N, trials, 2]
    spent = _computing(clock) / returns[..., 0].numel()
    return AdaptationResult(returns[..., 0], returns[..., 1], spent, _broken(sum(rollouts, ())))


def _in_one_go(go: Go, learner: Learner, after: tuple[int, ...], repeats: int) -> dict[int, AdaptationResult]:
    clock = Clock()
    rollouts = go(learner, (2 * repeats,) * (max(after) + 1), repeats, clock)
    spent = _computing(clock) / (rollouts[0].returns.numel() * len(rollouts))
    found = {}
    for k in after:
        sampled, greedy = rollouts[k].returns.cpu().chunk(2, 1)
        found[k] = AdaptationResult(sampled, greedy, k * spent, _broken(rollouts[k : k + 1]))
    return found


def _computing(clock: Clock) -> float:
    return clock.seconds.get("learning", 0.0) + clock.seconds["policy"]


def _broken(rollouts: tuple[Trajectories, ...]) -> float:
    return torch.cat([t.diverged.flatten() for t in rollouts]).float().mean().item()
