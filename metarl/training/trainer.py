"""One meta-iteration after the other: sample tasks, collect experience, take an outer step."""

from __future__ import annotations

import time
from typing import Any

import torch

from agents.learner import Learner, Params
from envs.core import SupervisedTasks, TaskDistribution, Tasks
from envs.rng import shard_generator
from metarl.config.experiment import Config
from metarl.config.loggers import Metrics
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import DivergedError, UserError
from metarl.runs import checkpoint
from metarl.runs.checkpoint.checks import LEVELS
from metarl.training.activations import check_activations
from metarl.training.allocation import BoundedNetwork
from metarl.training.build import build_advantage_estimator, build_family, build_learner, build_outer
from metarl.training.collect import Clock
from metarl.training.contract import check_family, check_learner
from metarl.training.curriculum import Curriculum
from metarl.training.estimate import check_memory
from metarl.training.placement import CPU, Placement, set_up
from metarl.training.sources import Batch, PolicySource, SeedSource, Source, SupervisedSource

MAX_DRIFT = 1e-3  # of parameters in different processes, relative to their norm; chosen
MAX_SKIPPED = 10  # iterations in a row without a finite step, after which training stops; chosen


class Trainer:
    """A run in memory; `iterate` is one meta-iteration. The outer step owns theta.

    state: where to start: a checkpoint's state, or how to load one that looks like a given theta; by default at the
    beginning. family, learner: take the place of the config's. placement: where it simulates and learns; by default on
    the CPU, whatever the config says. ranks: the processes that share the tasks of every iteration, which comes to the
    same as if one had all of them.
    """

    def __init__(
        self,
        config: Config,
        state: checkpoint.State | checkpoint.Load | None = None,
        family: TaskDistribution | SupervisedTasks | None = None,
        placement: Placement = CPU,
        ranks: Ranks = SINGLE_PROCESS,
        learner: Learner[Any] | None = None,
    ) -> None:
        set_up(config)
        self.config, self.placement, self.ranks = config, placement, ranks
        self.family: Any = family or build_family(config, placement.simulator, placement.device)
        check_family(config, self.family)
        self.shard = ranks.shard(config.train.num_tasks)  # of the tasks of an iteration, those of this process
        own = self.shard.stop - self.shard.start
        world = getattr(self.family, "world_bytes", 0.0)
        check_memory(config, self.family.space, self.family.horizon, placement.device, own, world)
        self.learner = learner or build_learner(config, self.family)
        check_learner(config, self.learner, self.family)
        self.advantage = build_advantage_estimator(config)
        self.source = self._source()
        name = config.train.curriculum
        self.curriculum = Curriculum(self.family, name, config.train.num_tasks) if name else None
        fresh = torch.Generator().manual_seed(config.seed)
        with BoundedNetwork(placement.device):
            theta = self.learner.init(fresh)
        start = self._start(state, checkpoint.State(0, 0, 0.0, theta, {}, fresh))
        self.iteration, self.env_steps, self.seconds = start.iteration, start.env_steps, start.seconds
        self.generator = start.generator
        # a file has an order of its own, and sums depend on it
        in_order = {k: start.theta[k].to(placement.device) for k in theta}
        self.outer = build_outer(config, self.learner, in_order, self.family, ranks)
        self._load(start.outer)
        together = getattr(self.outer, "chunk", 0) or own
        check_activations(config, self.learner, theta, self.family, together, placement.device)
        self.skipped = 0  # steps in a row that were not taken, because they were not finite
        self.rng_state = self.generator.get_state()  # at the start of the latest iteration
        self.diverged: list[dict[str, float]] = []  # tasks of worlds whose simulation diverged in it

    def _source(self) -> Source:
        if self.config.tasks.is_supervised:
            return SupervisedSource(self.family, self.placement.device)
        if self.config.outer.collects:
            return SeedSource(self.config.train.episodes * self.family.horizon)
        return PolicySource(self.family, self.config.train.episodes, self.advantage, self.ranks)

    def _start(self, state: checkpoint.State | checkpoint.Load | None, fresh: checkpoint.State) -> checkpoint.State:
        """The state that the first process has, with the random numbers of this one's tasks."""
        if state is None or not self.ranks.is_first:
            state = fresh
        state = self._of_the_first(state if isinstance(state, checkpoint.State) else state(fresh.theta), fresh.theta)
        if self.ranks.count == 1:
            return state
        generator = shard_generator(state.generator, self.shard.start, self.shard.stop, self.config.train.num_tasks)
        return state._replace(generator=generator)

    @property
    def theta(self) -> Params:
        """The meta-parameters; they change in place with the next iteration."""
        return self.outer.theta

    @property
    def state(self) -> checkpoint.State:
        """A copy of everything that a run needs to go on as if it had never stopped."""
        theta = {k: v.clone() for k, v in self.theta.items()}
        outer = self.outer.state() | ({LEVELS: self.curriculum.levels.clone()} if self.curriculum else {})
        return checkpoint.State(self.iteration, self.env_steps, self.seconds, theta, outer, self.generator)

    def _load(self, state: Params) -> None:
        """The optimiser's state, and the levels of a curriculum."""
        self.outer.load({k: v for k, v in state.items() if k != LEVELS})
        if self.curriculum and LEVELS in state:
            self.curriculum.load(state[LEVELS])

    def iterate(self) -> Metrics:
        """One meta-iteration; returns what to log."""
        clock, start = Clock(), time.perf_counter()
        self.rng_state = self.generator.get_state()
        num_tasks = self.config.train.num_tasks
        tasks = self.family.sample(num_tasks, "train", self.generator)
        tasks = self.curriculum.placed(tasks) if self.curriculum else tasks
        batch = self.source(self.learner, self.theta, tasks.chosen(self.shard), self.generator, clock)
        if not clock.seconds:
            clock.add("sampling", start)
        learning = time.perf_counter()
        metrics = self._learn(batch)
        clock.add("learning", learning)
        steps = int(metrics.pop("steps", self.ranks.place(batch.steps, num_tasks)[1]))
        diverged = self._count_diverged(batch, tasks) | self._follow(batch)
        progress = self._progress(steps, start, metrics)
        seconds = time.perf_counter() - start
        shares = {f"share_{part}": round(spent / seconds, 4) for part, spent in clock.seconds.items()}
        return {**progress, **shares, **batch.metrics, **diverged}

    def _learn(self, batch: Batch) -> Metrics:
        """An outer step with what goes before and after it; theta is as before where it was skipped."""
        learner, theta, query, total = self.learner, self.theta, batch.data.query, self.ranks.all_reduce_sum
        of_returns = _changes(theta, learner.update_return_stats(theta, query, total))
        of_inputs = _changes(theta, learner.update_input_stats(theta, query, total))
        of_inputs |= _changes(theta, learner.update_baseline(theta, batch.data, total))  # both in use from the next one
        before = {k: theta[k].clone() for k in of_returns}
        self.outer.assign(of_returns)
        is_finite = all(v.isfinite().all() for v in (*of_returns.values(), *of_inputs.values()))
        metrics = self.outer.step(batch.data) if is_finite else {"skipped": 1.0}
        if "skipped" not in metrics:
            self.outer.assign(of_inputs)
            self.skipped = 0
            return metrics
        self.outer.assign(before)
        self.skipped += 1
        if self.skipped == MAX_SKIPPED:
            raise DivergedError(
                f"the loss, its gradient or the parameters were infinite or NaN in {MAX_SKIPPED} iterations in a row, "
                f"up to iteration {self.iteration + 1}: train again with a smaller rate in outer or learner"
            )
        return metrics

    def _count_diverged(self, batch: Batch, tasks: Tasks) -> Metrics:
        """Worlds of all processes whose simulation diverged; their tasks are kept."""
        if batch.diverged is None:
            return {}
        diverged = torch.zeros(len(tasks))
        diverged[self.shard] = batch.diverged
        diverged = self.ranks.all_reduce_sum(diverged)  # [N] worlds
        self.diverged = tasks.chosen(diverged > 0).to_json()
        return {"diverged": diverged.sum().item()}

    def _follow(self, batch: Batch) -> Metrics:
        """Levels of the curriculum after an iteration."""
        if self.curriculum is None or batch.progress is None:
            return {}
        progress = torch.zeros(self.config.train.num_tasks, dtype=torch.float64)
        progress[self.shard] = batch.progress.double()
        self.curriculum.follow(self.ranks.all_reduce_sum(progress))
        return self.curriculum.metrics()

    def _progress(self, steps: int, start: float, metrics: Metrics) -> Metrics:
        """Count the iteration; `metrics`, and how far training is."""
        seconds = time.perf_counter() - start
        self.iteration += 1
        self.env_steps += steps
        self.seconds += seconds
        return {
            **metrics,
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "seconds": round(self.seconds, 3),
            "steps_per_second": round(steps / seconds, 1),
        }

    def _of_the_first(self, state: checkpoint.State, like: Params) -> checkpoint.State:
        """The state that the first of several processes has."""
        if self.ranks.count == 1:
            return state
        files = checkpoint.packed(state)
        return checkpoint.unpacked({name: self.ranks.broadcast(files[name]) for name in checkpoint.FILES}, like)

    def synchronize(self) -> None:
        """Take the parameters and the optimiser's state of the first process, as one that resumes would.

        The same sums give the same bits on machines of one kind, and nearly so on others. Raises UserError where
        parameters have drifted apart, or random numbers differ.
        """
        if self.ranks.count == 1:
            return
        mine = self.state
        try:
            first = self._of_the_first(mine, mine.theta)
        except checkpoint.UNREADABLE as error:
            raise UserError(f"the optimiser's state cannot be stored at iteration {mine.iteration}: {error}") from None
        theta = {k: first.theta[k].to(v.device) for k, v in mine.theta.items()}
        apart = max(((theta[k] - v).norm() / (v.norm() + 1e-12)).item() for k, v in mine.theta.items())
        same = torch.equal(mine.generator.get_state(), first.generator.get_state())
        if self.ranks.any(apart > MAX_DRIFT or not same):
            raise UserError(
                f"the {self.ranks.count} processes no longer compute the same at iteration {mine.iteration}: give all "
                "machines the same versions, and resume"
            )
        self.outer.assign(theta)
        self._load(first.outer)


def _changes(theta: Params, updated: Params) -> Params:
    """The tensors of `updated` that are others than those of theta."""
    return {k: v for k, v in updated.items() if v is not theta[k]}
