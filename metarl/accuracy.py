"""How often a few-shot learner is right about classes it never saw."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from agents.embeddings import RUNNING
from agents.learner import FewShotLearner, Lesson, Params
from agents.objectives import mse
from agents.optimization import MAML, Reptile, Supervised
from envs.core import Examples, Tasks
from envs.fewshot.episodes import FewShotImages
from metarl import checkpoint
from metarl.build import build_images, build_lessons
from metarl.errors import UserError
from metarl.evaluate import SEED
from metarl.runs import Run
from metarl.schema import FewShotTasks, SinusoidTasks
from metarl.statistics import Estimate, mean_interval
from metarl.train import FewShotTrainer

CHUNK_IMAGES = 4000  # images judged at once
CALIBRATION_IMAGES = 2000  # training images whose statistics are the running ones


class Accuracy(NamedTuple):
    """Share of right answers over unseen episodes."""

    way: int
    shot: int
    bn: str
    mean: float  # in [0, 1]
    half: float  # half width of the 95 % interval, 1.96 s / sqrt(n)
    episodes: int

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} +- {100 * self.half:.1f}"


@torch.no_grad()
def calibrate(learner: FewShotLearner, theta: Params, family: FewShotImages, generator: torch.Generator) -> Params:
    """theta with the statistics of training episodes beside it, for `bn: running`."""
    per_episode = family.way * (family.shot + family.query)
    tasks = family.sample(max(1, CALIBRATION_IMAGES // per_episode), "train", generator)
    support, query = family.lesson(tasks)
    measured = torch.func.vmap(learner.measure, in_dims=(None, 0))(theta, Lesson((support,), query))
    return theta | {RUNNING + k: v.mean(0) for k, v in measured.items()}


@torch.no_grad()
def accuracy(
    learner: FewShotLearner, theta: Params, family: FewShotImages, split: str, episodes: int, generator: torch.Generator
) -> Accuracy:
    """Over `episodes` tasks of a split; `theta` is calibrated where the learner asks for running statistics."""
    if isinstance(learner, Supervised) and learner.way != family.way:
        raise UserError(
            f"its last layer tells {learner.way} classes apart, not {family.way}: give --ways {learner.way}"
        )
    learner = dataclasses.replace(learner, way=family.way)  # type: ignore[type-var]  # every learner is a dataclass
    per_episode = family.way * (family.shot + family.query)
    chunk = max(1, CHUNK_IMAGES // per_episode)
    right: list[Tensor] = []
    judge = torch.func.vmap(lambda s, q: _right(learner, theta, Lesson((s,), q)))
    tasks = family.sample(episodes, split, generator)
    for start in range(0, episodes, chunk):
        right.append(judge(*family.lesson(Tasks(tasks.names, tasks.values[start : start + chunk]))))
    shares = torch.cat(right).double().numpy()
    half = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares))
    return Accuracy(family.way, family.shot, learner.bn, float(shares.mean()), float(half), len(shares))


def _right(learner: FewShotLearner, theta: Params, lesson: Lesson) -> Tensor:
    phi = learner.adapt(theta, learner.begin(theta), lesson.support[0])
    right: Tensor = (learner.apply(theta, phi, lesson.query.x).argmax(-1) == lesson.query.y).float().mean()
    return right


class Judged(NamedTuple):
    """One run at several ways and shots."""

    run: str
    iteration: int
    split: str
    seed: int
    data: str
    results: list[Accuracy]

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "results": [r._asdict() for r in self.results]}


def evaluate(
    run: Run, split: str, ways: Sequence[int], shots: Sequence[int], episodes: int, seed: int, bn: str | None
) -> Judged:
    """Accuracy of a run's newest checkpoint on `episodes` unseen episodes of each way and shot."""
    trainer = FewShotTrainer(run.config, checkpoint.load_newest(run.checkpoints))
    tasks, of_images = run.config.tasks, trainer.family
    assert isinstance(tasks, FewShotTasks)
    assert isinstance(of_images, FewShotImages)
    ways = ways or ((tasks.way,) if isinstance(trainer.learner, Supervised) else (5, 20))
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")
    learner = trainer.learner
    if bn is not None:
        if isinstance(learner, Supervised) and bn != learner.bn:
            raise UserError(f"gradient learners normalise by the batch: --bn is {bn}, expected {learner.bn}")
        learner = dataclasses.replace(learner, bn=bn)  # type: ignore[type-var]  # every learner is a dataclass
    theta = trainer.state.theta
    results = []
    for way in ways:
        for shot in shots:
            family = build_images(tasks.model_copy(update={"way": way, "shot": shot}))
            if learner.bn == "running":  # of pairs they depend on the shots
                alike = build_images(tasks.model_copy(update={"shot": shot}))
                theta = calibrate(learner, theta, alike, torch.Generator().manual_seed(SEED))
            generator = torch.Generator().manual_seed(SEED + seed)
            results.append(accuracy(learner, theta, family, split, episodes, generator))
    return Judged(run.name, trainer.state.iteration, split, seed, tasks.data, results)


def follow(
    run: Run, split: str, shots: Sequence[int], steps: Sequence[int], tasks: int, seed: int
) -> dict[int, dict[int, Estimate]]:
    """Squared error of a run on unseen waves, over 100 points of each, by points shown and by gradient steps."""
    trainer = FewShotTrainer(run.config, checkpoint.load_newest(run.checkpoints))
    learner, own = trainer.learner, run.config.tasks
    assert isinstance(own, SinusoidTasks)
    assert isinstance(learner, Supervised)
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")
    found: dict[int, dict[int, Estimate]] = {}
    for shot in shots:
        family = build_lessons(own.model_copy(update={"shot": shot, "query": 100}))
        drawn = family.sample(tasks, split, torch.Generator().manual_seed(SEED + seed))
        lesson = family.lesson(drawn)
        found[shot] = {k: _squared_error(learner.learner, trainer.state.theta, k, *lesson) for k in steps}
    return found


def table_of_errors(run: Run, split: str, tasks: int, found: dict[int, dict[int, Estimate]]) -> Table:
    """A row for each number of points shown, a column for each number of gradient steps."""
    out = Table(title=f"{run.name}: squared error on {tasks} {split} waves")
    for column in ("points shown", *(f"after {k} steps" if k else "before" for k in next(iter(found.values())))):
        out.add_column(column, justify="right")
    for shot, errors in found.items():
        out.add_row(str(shot), *(escape(f"{e.mean:.2f} [{e.low:.2f}, {e.high:.2f}]") for e in errors.values()))
    out.caption = "mean [95 % bootstrap interval over waves]; one training seed"
    return out


def _squared_error(
    learner: MAML[Tensor] | Reptile[Tensor], theta: Params, steps: int, support: Examples, query: Examples
) -> Estimate:
    one_step = dataclasses.replace(learner, inner_steps=1)

    def error(s: Examples, q: Examples) -> Tensor:
        phi = one_step.begin(theta)
        for _ in range(steps):
            phi = one_step.adapt(theta, phi, s)
        return mse(one_step.apply(theta, phi, q.x), q)

    return mean_interval(torch.func.vmap(error)(support, query).double().numpy())


def store(run: Run, judged: Judged) -> Path:
    """Write what was found into the run's folder; the same evaluation gives the same file."""
    first = judged.results[0]
    shapes = "_".join(f"{r.way}w{r.shot}s" for r in judged.results)
    name = f"accuracy_{judged.split}_iteration{judged.iteration}_{first.bn}_{shapes}_{first.episodes}_seed{judged.seed}"
    path = run.path / f"{name}.json"
    path.write_text(json.dumps(judged.to_json(), indent=1))
    return path


def table(rows: list[Judged]) -> Table:
    """A row for each run, a column for each way and shot."""
    first = rows[0]
    out = Table(title=f"accuracy in %, {first.results[0].episodes} {first.split} episodes of {first.data}")
    for column in ("run", "iteration", "batch norm", *(f"{r.way}-way {r.shot}-shot" for r in first.results)):
        out.add_column(column)
    for row in rows:
        out.add_row(row.run, str(row.iteration), row.results[0].bn, *map(str, row.results))
    out.caption = "mean +- half of the 95 % interval over episodes; one training seed"
    return out
