"""Where an iteration's data come from: rollouts of a policy, or supervised tasks that need none."""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from agents.learner import Learner, OnPolicyLearner, Params, SupervisedTask, map_tensors
from envs.core import SupervisedTasks, TaskDistribution, Tasks, Trajectories
from envs.legged.defaults import EVENT
from metarl.config.loggers import Metrics
from metarl.distributed.process_group import Ranks
from metarl.training.collect import AdvantageEstimator, Clock, collect_rollouts
from metarl.training.segments import collect_segments


class Batch(NamedTuple):
    """A shard of a meta-batch."""

    data: Any  # `Episode` or `SupervisedTask`, every tensor [N, ...]; or `Seed`
    steps: int  # environment steps, or examples
    metrics: Metrics  # over the tasks of all processes
    diverged: Tensor | None  # [N] worlds of each own task whose simulation diverged; None where nothing is simulated
    progress: Tensor | None = None  # [N] share of the way of each own task, where they have one


class Seed(NamedTuple):
    """Of everything that is random in an outer step that collects its experience itself; there are no data."""

    seed: int
    query: None = None


class Source(Protocol):
    """Turns tasks into data."""

    def __call__(
        self, learner: Learner[Any], theta: Params, tasks: Tasks, generator: torch.Generator, clock: Clock
    ) -> Batch: ...


class PolicySource:
    """Rollouts of `episodes` episodes a round: the rounds to adapt on, then one to learn from.

    Of a learner that does not adapt, segments of as many worlds.
    """

    def __init__(self, family: TaskDistribution, episodes: int, advantage: AdvantageEstimator, ranks: Ranks) -> None:
        self.family, self.episodes, self.advantage, self.ranks = family, episodes, advantage, ranks

    def __call__(
        self, learner: Learner[Any], theta: Params, tasks: Tasks, generator: torch.Generator, clock: Clock
    ) -> Batch:
        shared: dict[str, Any] = {"clock": clock, "all_reduce_sum": self.ranks.all_reduce_sum}
        experience = (self.advantage, generator)
        if isinstance(learner, OnPolicyLearner):
            rollouts = collect_segments(learner, theta, self.family, tasks, self.episodes, *experience, **shared)
        else:
            plan = (self.episodes,) * (learner.rounds + 1)
            rollouts = collect_rollouts(
                learner, theta, self.family, tasks, plan, *experience, in_training=True, **shared
            )
        trajectories = rollouts.trajectories
        diverged = torch.stack([t.diverged.sum(1) for t in trajectories]).sum(0).cpu().float()
        steps = sum(t.rew.numel() for t in trajectories)
        start = time.perf_counter()
        episode = rollouts.episode
        clock.add("learning", start)
        metrics, progress = self._returns(trajectories), trajectories[-1].results.get("progress")
        metrics |= self._results(trajectories[-1])
        return Batch(episode, steps, metrics, diverged, None if progress is None else progress.mean(1).cpu())

    def _returns(self, trajectories: tuple[Trajectories, ...]) -> Metrics:
        known = torch.stack([torch.stack([t.returns.nansum(), (~t.diverged).sum()]) for t in trajectories]).double()
        sums, counts = self.ranks.all_reduce_sum(known.cpu()).T
        means = (sums / counts).tolist()
        return {"return_before": means[0], **({"return_after": means[-1]} if len(means) > 1 else {})}

    def _results(self, last: Trajectories) -> Metrics:
        """Means of what came of the episodes after adaptation, such as their success."""
        told = {name: x for name, x in last.results.items() if not name.startswith(EVENT)}  # which need many tasks
        known = torch.stack([torch.stack([x.sum(), (x == x).sum()]) for x in told.values()] or [torch.zeros(2)])
        sums, counts = self.ranks.all_reduce_sum(known.double().cpu()).T
        return dict(zip(told, (sums / counts).tolist(), strict=False))


class SupervisedSource:
    """Supervised tasks, on the device of theta."""

    def __init__(self, family: SupervisedTasks, device: str) -> None:
        self.family, self.device = family, device

    def __call__(
        self, learner: Learner[Any], theta: Params, tasks: Tasks, generator: torch.Generator, clock: Clock
    ) -> Batch:
        support, query = self.family.examples(tasks)
        data = map_tensors(SupervisedTask((support,), query), lambda x: x.to(self.device))
        return Batch(data, support.y.numel() + query.y.numel(), {}, None)


class SeedSource:
    """Nothing but a seed, for an outer step that takes `steps` steps in every task itself."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(
        self, learner: Learner[Any], theta: Params, tasks: Tasks, generator: torch.Generator, clock: Clock
    ) -> Batch:
        seed = int(torch.randint(2**31, (), generator=generator))
        return Batch(Seed(seed), self.steps * len(tasks), {}, None)
