"""How often a few-shot learner is right about classes it never saw."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from rich.table import Table
from torch import Tensor

from agents.learner import FewShotLearner, Params, SupervisedTask
from agents.memory import MetaNet, Stream
from agents.nn.embeddings import RUNNING, BatchNorm
from agents.optimization import Supervised
from envs.fewshot.episodes import FewShotImages
from metarl.config.schema import FewShotTasks
from metarl.errors import UserError
from metarl.evaluation.evaluate import seeded
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_few_shot_learner, build_images
from metarl.training.trainer import FewShotTrainer

CHUNK_PIXELS = 4000 * 28 * 28  # pixels judged at once
CHUNK_NUMBERS = 25_000_000  # numbers that learners remember of the tasks judged at once
CHUNK_ITEMS = 40  # items at once where each of them has a network of its own
FIXED_WAY = (Supervised, MetaNet, Stream)  # learners whose last layer has a place for each class
PRESENTATIONS = 10  # times that a class is shown in a stream (Santoro et al. 2016)
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
    """theta with the statistics of training episodes beside it, for `bn: running`, in place of those it may have."""
    theta = {k: v for k, v in theta.items() if not k.startswith(RUNNING)}
    per_episode = family.way * (family.shot + family.query)
    tasks = family.sample(max(1, CALIBRATION_IMAGES // per_episode), "train", generator)
    support, query = family.examples(tasks)
    measured = torch.func.vmap(learner.measure, in_dims=(None, 0))(theta, SupervisedTask((support,), query))
    return theta | {RUNNING + k: v.mean(0) for k, v in measured.items()}


@torch.no_grad()
def accuracy(
    learner: FewShotLearner, theta: Params, family: FewShotImages, split: str, episodes: int, generator: torch.Generator
) -> Accuracy:
    """Over `episodes` tasks of a split; `theta` is calibrated where the learner asks for running statistics."""
    learner = with_way(learner, family.way)
    per_episode = family.way * (family.shot + family.query)
    remembered = sum(v.numel() for v in learner.initial_state(theta).values())
    chunk = max(1, min(CHUNK_PIXELS // (per_episode * family.space.obs), CHUNK_NUMBERS // max(remembered, 1)))
    chunk = max(1, min(chunk, CHUNK_ITEMS // (family.way * family.shot))) if isinstance(learner, MetaNet) else chunk
    right: list[Tensor] = []
    evaluate_one = torch.func.vmap(lambda s, q: _right(learner, theta, SupervisedTask((s,), q)))
    tasks = family.sample(episodes, split, generator)
    for start in range(0, episodes, chunk):
        right.append(evaluate_one(*family.examples(tasks.chosen(slice(start, start + chunk)))))
    shares = torch.cat(right).double().numpy()
    half = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares))
    return Accuracy(family.way, family.shot, learner.bn, float(shares.mean()), float(half), len(shares))


def _right(learner: FewShotLearner, theta: Params, task: SupervisedTask) -> Tensor:
    return (answers(learner, theta, task) == task.query.y).float().mean()


def answers(learner: FewShotLearner, theta: Params, task: SupervisedTask) -> Tensor:
    """What a learner says of each query after it has seen the support, [Q]."""
    phi = learner.adapt(theta, learner.initial_state(theta), task.support[0])
    return learner.apply(theta, phi, task.query.x).argmax(-1)


def with_way(learner: FewShotLearner, way: int) -> FewShotLearner:
    """The learner on tasks of `way` classes; UserError where its last layer has another number."""
    if isinstance(learner, FIXED_WAY) and learner.way != way:
        raise UserError(f"its last layer tells {learner.way} classes apart, not {way}: give --ways {learner.way}")
    return dataclasses.replace(learner, way=way)  # type: ignore[type-var]  # every learner is a dataclass


def with_statistics(learner: FewShotLearner, bn: str | None) -> FewShotLearner:
    """The learner normalised as asked for, or as it is; UserError where it cannot be."""
    if bn is None:
        return learner
    if learner.bn == "none":
        raise UserError(f"--bn is {bn}, but this network has no batch normalisation: leave it out")
    known = ("transductive", "support+1") if isinstance(learner, Supervised) else get_args(BatchNorm)
    if bn not in known:
        raise UserError(f"--bn is {bn}, expected {' or '.join(known)} of this learner")
    return dataclasses.replace(learner, bn=bn)  # type: ignore[type-var]  # every learner is a dataclass


class AccuracyResult(NamedTuple):
    """One run at several ways and shots."""

    run: str
    iteration: int
    split: str
    seed: int
    data: str
    results: list[Accuracy]
    presentations: list[Accuracy]  # of learners that read a stream: at the first, second, ... time a class is shown

    def to_json(self) -> dict[str, Any]:
        lists = {k: [r._asdict() for r in getattr(self, k)] for k in ("results", "presentations")}
        return {**self._asdict(), **lists}


def evaluate(
    run: Run, split: str, ways: Sequence[int], shots: Sequence[int], episodes: int, seed: int, bn: str | None
) -> AccuracyResult:
    """Accuracy of a run's newest checkpoint on `episodes` unseen episodes of each way and shot."""
    trainer = FewShotTrainer(run.config, checkpoint.selected_checkpoint(run))
    tasks, of_images = run.config.tasks, trainer.family
    assert isinstance(tasks, FewShotTasks)
    assert isinstance(of_images, FewShotImages)
    ways = ways or ((tasks.way,) if isinstance(trainer.learner, FIXED_WAY) else (5, 20))
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")
    learner = with_statistics(trainer.learner, bn)
    theta = trainer.state.theta
    results = []
    for way in ways:
        for shot in shots:
            family = build_images(tasks.model_copy(update={"way": way, "shot": shot}))
            if learner.bn == "running":  # of pairs they depend on the shots
                alike = build_images(tasks.model_copy(update={"shot": shot}))
                theta = calibrate(learner, theta, alike, seeded(0))
            generator = seeded(seed)
            results.append(accuracy(learner, theta, family, split, episodes, generator))
    presentations: list[Accuracy] = []
    if isinstance(learner, Stream):
        family = build_images(tasks.model_copy(update={"shot": PRESENTATIONS, "query": 1}))
        presentations = by_presentation(learner, theta, family, split, episodes, seeded(seed))
    return AccuracyResult(run.name, trainer.state.iteration, split, seed, tasks.data, results, presentations)


@torch.no_grad()
def by_presentation(
    learner: Stream, theta: Params, family: FewShotImages, split: str, episodes: int, generator: torch.Generator
) -> list[Accuracy]:
    """Accuracy at the k-th time that a class is shown in a stream, k = 1 to `family.shot` (Santoro et al. 2016, T. 1).

    At the first nobody can know the answer: chance, and what is left when the others are known.
    """
    remembered = sum(v.numel() for v in learner.initial_state(theta).values()) * family.way * family.shot
    chunk = max(1, CHUNK_NUMBERS // remembered)
    tasks, shares = family.sample(episodes, split, generator), []
    for start in range(0, episodes, chunk):
        support = family.examples(tasks.chosen(slice(start, start + chunk)))[0]
        forward_sequence = torch.func.vmap(
            lambda s: learner.forward_sequence(theta, learner.initial_state(theta), s)[1]
        )
        right = forward_sequence(support).argmax(-1) == support.y  # [n, S]
        of_class = support.y[..., None] == torch.arange(family.way)  # [n, S, way]
        time = (of_class.cumsum(1) * of_class).sum(-1)  # which time its class is shown, from 1
        at = [(right & (time == k)).sum(1) / family.way for k in range(1, family.shot + 1)]
        shares.append(torch.stack(at, 1))
    found = torch.cat(shares).double().numpy()  # [episodes, shot]
    half = 1.96 * found.std(0, ddof=1) / np.sqrt(episodes)
    return [
        Accuracy(family.way, k, learner.bn, float(found[:, k - 1].mean()), float(half[k - 1]), episodes)
        for k in range(1, family.shot + 1)
    ]


def store(run: Run, results: AccuracyResult) -> Path:
    """Write what was found into the run's folder; the same evaluation gives the same file."""
    first = results.results[0]
    path = _path_of(run, results.iteration, results.split, results.results, first.bn, first.episodes, results.seed)
    path.write_text(json.dumps(results.to_json(), indent=1))
    return path


def stored(
    run: Run, split: str, ways: Sequence[int], shots: Sequence[int], episodes: int, seed: int, bn: str | None
) -> AccuracyResult | None:
    """What `store` wrote of this evaluation of the newest checkpoint, if it did."""
    learner = with_statistics(build_few_shot_learner(run.config), bn)
    iteration = checkpoint.selected_iteration(run)
    asked = [Accuracy(way, shot, learner.bn, 0.0, 0.0, episodes) for way in ways for shot in shots]
    path = _path_of(run, iteration, split, asked, learner.bn, episodes, seed)
    if not path.is_file():
        return None
    read = json.loads(path.read_text())
    return AccuracyResult(**{**read, **{k: [Accuracy(**r) for r in read[k]] for k in ("results", "presentations")}})


def _path_of(run: Run, iteration: int, split: str, asked: list[Accuracy], bn: str, episodes: int, seed: int) -> Path:
    shapes = "_".join(f"{r.way}w{r.shot}s" for r in asked)
    return run.path / f"accuracy_{split}_iteration{iteration}_{bn}_{shapes}_{episodes}_seed{seed}.json"


def table(rows: list[AccuracyResult]) -> Table:
    """A row for each run, a column for each way and shot."""
    first = rows[0]
    out = Table(title=f"accuracy in %, {first.results[0].episodes} {first.split} episodes of {first.data}")
    for column in ("run", "iteration", "batch norm", *(f"{r.way}-way {r.shot}-shot" for r in first.results)):
        out.add_column(column)
    for row in rows:
        out.add_row(row.run, str(row.iteration), row.results[0].bn, *map(str, row.results))
    out.caption = "mean +- half of the 95 % interval over episodes; one training seed"
    return out


def table_of_presentations(rows: list[AccuracyResult]) -> Table:
    """A row for each run that reads a stream, a column for each time that a class is shown."""
    first = rows[0].presentations
    out = Table(title=f"accuracy in % by how often the class was shown, {first[0].episodes} streams of {rows[0].data}")
    for column in ("run", *(f"{r.shot}." for r in first)):
        out.add_column(column)
    for row in rows:
        out.add_row(row.run, *(f"{100 * r.mean:.1f}" for r in row.presentations))
    out.caption = f"half of the 95 % intervals at most {100 * max(r.half for r in first):.1f}; one training seed"
    return out
