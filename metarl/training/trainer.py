"""The training loop: sample tasks, live through them, take an outer step, write down what happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from types import FrameType

import torch
from rich.console import Console

from agents.learner import Learner, Params, SupervisedTask, map_tensors
from envs.core import TaskDistribution, Trajectories
from envs.rng import shard_generator
from metarl.config.schema import Config, Supervised
from metarl.distributed.launch import local_count
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import DivergedError, UserError
from metarl.runs import checkpoint
from metarl.runs.folder import Run, atomic_write
from metarl.training.build import (
    build_advantage_estimator,
    build_family,
    build_few_shot_learner,
    build_gradient,
    build_learner,
    build_outer,
    build_supervised_tasks,
)
from metarl.training.collect import Clock, collect_rollouts
from metarl.training.outer import Gradient, Outer
from metarl.training.placement import CPU, Placement, place
from metarl.training.policies import is_recurrent
from metarl.training.progress import Metrics, TrainingDisplay, span
from metarl.training.recorder import Recorder

MAX_DRIFT = 1e-3  # of parameters in different processes, relative to their norm; chosen
MAX_SKIPPED = 10  # iterations in a row without a finite step, after which training stops; chosen


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Training:
    """What every training keeps: its settings and its state."""

    outer: Outer | Gradient

    def __init__(
        self,
        config: Config,
        state: checkpoint.State | checkpoint.Load | None,
        fresh: torch.Generator,
        theta: Params,
        placement: Placement,
        ranks: Ranks,
    ) -> None:
        self.config, self.placement, self.ranks = config, placement, ranks
        self.own = ranks.shard(
            config.train.num_tasks
        )  # of the tasks of an iteration, those that are lived through here
        if state is None or not ranks.is_first:
            state = checkpoint.State(0, 0, 0.0, theta, {}, fresh)
        state = self._of_the_first(state if isinstance(state, checkpoint.State) else state(theta), theta)
        # a file has an order of its own, and sums depend on it
        in_order = {k: state.theta[k].to(placement.device) for k in theta}
        rng_state = state.generator
        if ranks.count > 1:
            rng_state = shard_generator(rng_state, self.own.start, self.own.stop, config.train.num_tasks)
        self.state = state._replace(theta=in_order, generator=rng_state)
        self.skipped = 0  # steps in a row that were not taken, for they were not finite
        self.rng_state = self.state.generator.get_state()  # at the start of the latest iteration
        self.diverged: list[dict[str, float]] = []  # tasks of worlds that broke down in it

    def _of_the_first(self, state: checkpoint.State, like: Params) -> checkpoint.State:
        """The state that the first of several processes has."""
        if self.ranks.count == 1:
            return state
        files = checkpoint.packed(state)
        return checkpoint.unpacked({name: self.ranks.broadcast(files[name]) for name in checkpoint.FILES}, like)

    def synchronize(self) -> None:
        """Take the parameters and the optimiser's state that the first process has, as one that resumes would.

        The same sums give the same bits on machines of one kind, and nearly so on others. Raises UserError where
        parameters are far apart, or chance is not the same.
        """
        if self.ranks.count == 1:
            return
        mine = self.state
        try:
            told = self._of_the_first(mine, mine.theta)
        except checkpoint.UNREADABLE as error:
            raise UserError(f"the optimiser's state is no good at iteration {mine.iteration}: {error}") from None
        theta = {k: told.theta[k].to(v.device) for k, v in mine.theta.items()}
        apart = max(((theta[k] - v).norm() / (v.norm() + 1e-12)).item() for k, v in mine.theta.items())
        same = torch.equal(mine.generator.get_state(), told.generator.get_state())
        if self.ranks.any(apart > MAX_DRIFT or not same):
            raise UserError(
                f"the {self.ranks.count} processes no longer compute the same at iteration {mine.iteration}: give all "
                "machines the same versions, and resume"
            )
        self.state = mine._replace(theta=theta, outer=told.outer)
        self.outer.load(told.outer)

    def _move(self, theta: Params, outer: Params, steps: int, start: float, metrics: Metrics) -> Metrics:
        """Make theta the state, if it is finite; how far training is, and what `metrics` say."""
        s = self.state
        if "skipped" in metrics or not all(v.isfinite().all() for v in theta.values()):
            theta, outer, metrics = s.theta, s.outer, metrics | {"skipped": 1.0}
            self.outer.load(outer)
            self.skipped += 1
        else:
            self.skipped = 0
        if self.skipped == MAX_SKIPPED:
            raise DivergedError(
                f"the loss, its gradient or the parameters were infinite or NaN in {MAX_SKIPPED} iterations in a row, "
                f"up to iteration {s.iteration + 1}: train again with a smaller outer.outer_lr or learner.inner_lr"
            )
        seconds = time.perf_counter() - start
        self.state = checkpoint.State(
            s.iteration + 1, s.env_steps + steps, s.seconds + seconds, theta, outer, s.generator
        )
        return {
            **metrics,
            "iteration": self.state.iteration,
            "env_steps": self.state.env_steps,
            "seconds": round(self.state.seconds, 3),
            "steps_per_second": round(steps / seconds, 1),
        }


class Trainer(_Training):
    """A run in memory; `iterate` is one meta-iteration.

    family, learner: take the place of the config's.

    placement: where it simulates and learns; by default on the processor, whatever the config says.
    ranks: with whom it shares the tasks of every iteration; what they come to is as if it had all of them.
    """

    def __init__(
        self,
        config: Config,
        state: checkpoint.State | checkpoint.Load | None = None,
        family: TaskDistribution | None = None,
        placement: Placement = CPU,
        ranks: Ranks = SINGLE_PROCESS,
        learner: Learner | None = None,
    ) -> None:
        set_up(config)
        self.family = family or build_family(config, placement.simulator, placement.device)
        self.learner = learner or build_learner(config, self.family)
        self.advantage = build_advantage_estimator(config)
        fresh = torch.Generator().manual_seed(config.seed)
        super().__init__(config, state, fresh, self.learner.init(fresh), placement, ranks)
        self.outer = build_outer(config, self.learner, self.state.theta, self.family.horizon, ranks)
        self.outer.load(self.state.outer)

    def iterate(self) -> Metrics:
        """One meta-iteration; moves `state` and returns what to log."""
        s, settings, clock, start = self.state, self.config.train, Clock(), time.perf_counter()
        self.rng_state = s.generator.get_state()
        total = self.ranks.all_reduce_sum
        global_tasks = self.family.sample(settings.num_tasks, "train", s.generator)
        tasks = global_tasks.chosen(self.own)
        plan = (settings.episodes,) * (self.learner.rounds + 1)
        collect = partial(
            collect_rollouts, self.learner, s.theta, self.family, tasks, plan, self.advantage, s.generator
        )
        rollouts = collect(clock=clock, all_reduce_sum=total)
        learning = time.perf_counter()
        episode, theta = rollouts.episode, s.theta
        if is_recurrent(self.learner):
            theta = self.learner.update_return_stats(theta, episode.query, total)
        theta, metrics = self.outer.step(theta, episode)
        if is_recurrent(self.learner) and "skipped" not in metrics:
            theta = self.learner.update_input_stats(theta, episode.query, total)
        clock.add("learning", learning)
        steps = self.ranks.place(sum(t.rew.numel() for t in rollouts.trajectories), settings.num_tasks)[1]
        diverged = torch.zeros(settings.num_tasks)
        diverged[self.own] = torch.stack([t.diverged.sum(1) for t in rollouts.trajectories]).sum(0).cpu().float()
        diverged = total(diverged)  # [N] worlds
        self.diverged = global_tasks.chosen(diverged > 0).to_json()
        progress = self._move(theta, self.outer.state(), steps, start, metrics)
        seconds = time.perf_counter() - start
        return {
            **progress,
            **{f"share_{part}": round(spent / seconds, 4) for part, spent in clock.seconds.items()},
            **self._returns(rollouts.trajectories),
            "diverged": diverged.sum().item(),
        }

    def _returns(self, trajectories: tuple[Trajectories, ...]) -> Metrics:
        known = torch.stack([torch.stack([t.returns.nansum(), (~t.diverged).sum()]) for t in trajectories]).double()
        sums, counts = self.ranks.all_reduce_sum(known.cpu()).T
        means = (sums / counts).tolist()
        return {"return_before": means[0], **({"return_after": means[-1]} if len(means) > 1 else {})}


class FewShotTrainer(_Training):
    """The same for supervised tasks, which become data without a policy."""

    outer: Gradient

    def __init__(
        self,
        config: Config,
        state: checkpoint.State | checkpoint.Load | None = None,
        placement: Placement = CPU,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        set_up(config)
        assert isinstance(config.tasks, Supervised)
        self.family = build_supervised_tasks(config.tasks)
        self.learner = build_few_shot_learner(config)
        fresh = torch.Generator().manual_seed(config.seed)
        super().__init__(config, state, fresh, self.learner.init(fresh), placement, ranks)
        self.outer = build_gradient(config, self.learner, self.state.theta, ranks)
        self.outer.load(self.state.outer)

    def iterate(self) -> Metrics:
        """One meta-iteration; moves `state` and returns what to log."""
        start = time.perf_counter()
        self.rng_state = self.state.generator.get_state()
        num_tasks = self.config.train.num_tasks
        tasks = self.family.sample(num_tasks, "train", self.state.generator)
        support, query = self.family.examples(tasks.chosen(self.own))
        sampling = time.perf_counter() - start
        task = map_tensors(SupervisedTask((support,), query), lambda x: x.to(self.placement.device))
        theta, metrics = self.outer.step(self.state.theta, task)
        images = self.ranks.place(support.y.numel() + query.y.numel(), num_tasks)[1]
        progress = self._move(theta, self.outer.state(), images, start, metrics)
        share = sampling / (time.perf_counter() - start)
        return {**progress, "share_sampling": round(share, 4), "share_learning": round(1 - share, 4)}


def make_trainer(
    config: Config,
    state: checkpoint.State | checkpoint.Load | None = None,
    saved_placement: tuple[str | None, str | None] = (None, None),
    ranks: Ranks = SINGLE_PROCESS,
) -> Trainer | FewShotTrainer:
    """The trainer for a config's tasks: where it was `placed` before, or where its settings and this machine put it.

    Of several processes on this machine each takes its part of the cores, and all are placed like the first.
    """
    if ranks.count > 1 and not config.train.num_threads:
        config = _changed(config, num_threads=max(usable_cores() // local_count(), 1))
    set_up(config)
    own = ranks.shard(config.train.num_tasks)
    share = _changed(config, num_tasks=own.stop - own.start) if ranks.count > 1 else config
    try:
        where = place(share, *saved_placement)
    except UserError:
        where = place(share)  # it was begun on another machine
    if ranks.count > 1:
        simulator, device = ranks.broadcast(f"{where.simulator} {where.kind}".encode()).decode().split()
        if (where.simulator, where.kind) != (simulator, device):
            where = place(share, simulator, device)._replace(why="as the first process")
    if where.kind == "cuda" and local_count() > torch.cuda.device_count():
        raise UserError(
            f"{local_count()} processes on a machine with {torch.cuda.device_count()} cards: start one for each card, "
            "or give --train.device cpu"
        )
    if isinstance(config.tasks, Supervised):
        return FewShotTrainer(config, state, where, ranks)
    return Trainer(config, state, placement=where, ranks=ranks)


def _changed(config: Config, **settings: int) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=settings)})


def set_up(config: Config) -> None:
    """Let torch take as many threads as the config says, and the same order of sums where it asks for that."""
    torch.set_num_threads(config.train.num_threads or usable_cores())
    torch.backends.cudnn.allow_tf32 = False  # what is learned from is what acted
    if config.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS sums as it likes
    if torch.are_deterministic_algorithms_enabled() != config.train.deterministic:  # a second to be set
        torch.use_deterministic_algorithms(config.train.deterministic, warn_only=True)


def train(run: Run | None, trainer: Trainer | FewShotTrainer, console: Console) -> bool:
    """Train to the end of the config, or until asked to stop; True when it came to the end.

    Of several processes all stop where one is asked to, and only the first has a `run` to write to. Where something
    cannot be written, training goes on and says so; UserError where it is so still at the end.
    """
    total = trainer.config.train.iterations
    start = saved = trainer.state.iteration
    metrics: Metrics = {}
    with (
        run.locked() if run else nullcontext(),
        _stop_requests() as stop,
        TrainingDisplay(run.name if run else "", total, start, console) as display,
    ):
        recorder = Recorder(run, trainer, console) if run else None
        while trainer.state.iteration < total and not trainer.ranks.any(bool(stop)):
            try:
                metrics = _within_memory(trainer)
            except DivergedError as error:
                with suppress(OSError):
                    if run:
                        atomic_write(run.path / "broke_down.txt", str(error))
                raise
            if recorder:
                recorder.log(metrics)
            display.update(metrics)
            if trainer.state.iteration % trainer.config.train.checkpoint_every == 0:
                trainer.synchronize()
                if not recorder or recorder.save():
                    saved = trainer.state.iteration
        if recorder and trainer.state.iteration > saved:
            recorder.save(last=True)
    finished = trainer.state.iteration >= total
    if run is None:
        return finished
    if finished and "gpu_gib" in metrics:
        console.print(f"{metrics['gpu_gib']:.1f} GiB of the card's memory in use")
    if finished:
        console.print(f"trained {total} iterations, {span(trainer.state.seconds)}: {run.path}", soft_wrap=True)
    else:
        console.print(f"stopped and saved; go on with: metarl resume {run.path}", soft_wrap=True)
    return finished


def _within_memory(trainer: Trainer | FewShotTrainer) -> Metrics:
    """An iteration, and how much of a card's memory it took at most; UserError where that is too small."""
    device = trainer.placement.device
    try:
        metrics = trainer.iterate()
    except torch.OutOfMemoryError:
        raise UserError(
            f"the memory of {device} is too small for this meta-batch: lower train.num_tasks or train.episodes, or "
            "raise outer.minibatches of a learner with a memory"
        ) from None
    if not device.startswith("cuda"):
        return metrics
    free, total = torch.cuda.mem_get_info(device)  # torch gives nothing back, simulators keep what they have
    return metrics | {"gpu_gib": round((total - free) / 2**30, 3)}


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM instead of dying of them; a second Ctrl-C interrupts at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
