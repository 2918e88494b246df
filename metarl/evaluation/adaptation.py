"""What every evaluation rests on: adapt to tasks on so many episodes, and be judged on fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import TaskDistribution, Tasks, Trajectories
from metarl.training.collect import Clock, Credit, live
from metarl.training.policies import recalls


class Judged(NamedTuple):
    """Returns of every task and trial after some episodes of adaptation; NaN where a simulation broke down."""

    drawn: Tensor  # [N, trials], of actions as they are drawn while it adapts
    likeliest: Tensor  # [N, trials], of the likeliest actions
    adapting: float  # seconds of computation that a trial took, without simulation
    diverged: float  # share of episodes whose simulation broke down


def rounds_of(episodes: int, batch: int) -> tuple[int, ...]:
    """Episodes of each round, `batch` at most."""
    whole, rest = divmod(episodes, batch)
    return (batch,) * whole + ((rest,) if rest else ())


def judge(
    learners: Mapping[int, Learner],
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    trials: int,
    batch: int,
    credit: Credit,
    generator: torch.Generator,
) -> dict[int, Judged]:
    """How well each learner does after as many episodes as its key says, adapting on up to `batch` of them at once.

    A trial is an adaptation of its own, judged on an episode in which actions are drawn and one in which the likeliest
    are taken. A learner that adapts while it acts, the same for all keys, goes through whole trials in either way.
    """

    def go(learner: Learner, plan: tuple[int, ...], greedy: int, clock: Clock) -> tuple[Trajectories, ...]:
        return live(learner, theta, family, tasks, plan, credit, generator, greedy=greedy, clock=clock).trajectories

    last = learners[max(learners)]
    if recalls(last):
        return _in_one_go(go, last, tuple(learners), trials)
    found = {k: _one_by_one(go, learner, rounds_of(k, batch), trials) for k, learner in learners.items()}
    judging = found[0].adapting if 0 in found else 0.0  # acting in the two episodes that it is judged on
    return {k: j._replace(adapting=max(j.adapting - judging, 0.0)) for k, j in found.items()}


Go = Callable[[Learner, tuple[int, ...], int, Clock], tuple[Trajectories, ...]]
"""(learner, plan, greedy, clock) -> what all tasks went through."""


def _one_by_one(go: Go, learner: Learner, rounds: tuple[int, ...], trials: int) -> Judged:
    clock = Clock()
    lived = [go(learner, (*rounds, 2), 1, clock) for _ in range(trials)]
    returns = torch.stack([rounds[-1].returns for rounds in lived], 1).cpu()  # [N, trials, 2]
    spent = _computing(clock) / returns[..., 0].numel()
    return Judged(returns[..., 0], returns[..., 1], spent, _broken(sum(lived, ())))


def _in_one_go(go: Go, learner: Learner, after: tuple[int, ...], trials: int) -> dict[int, Judged]:
    clock = Clock()
    lived = go(learner, (2 * trials,) * (max(after) + 1), trials, clock)
    spent = _computing(clock) / (lived[0].returns.numel() * len(lived))
    found = {}
    for k in after:
        drawn, likeliest = lived[k].returns.cpu().chunk(2, 1)
        found[k] = Judged(drawn, likeliest, k * spent, _broken(lived[k : k + 1]))
    return found


def _computing(clock: Clock) -> float:
    return clock.seconds.get("learning", 0.0) + clock.seconds["policy"]


def _broken(lived: tuple[Trajectories, ...]) -> float:
    return torch.cat([t.diverged.flatten() for t in lived]).float().mean().item()
