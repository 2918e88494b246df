"""Lake's one-shot runs: 20 times 20 characters of one alphabet, each shown once and asked once (Lake et al. 2015).

The test of Koch et al. 2015: 400 trials on the evaluation alphabets, within an alphabet, so that chance is 5 %.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.markup import escape
from rich.table import Table

from agents.learner import FewShotLearner, Params, SupervisedTask
from envs.core import Examples
from envs.fewshot import omniglot
from envs.fewshot.images import ImageSet
from metarl.config.schema import FewShotTasks
from metarl.errors import UserError
from metarl.evaluation.accuracy import FIXED_WAY, answers, calibrate, with_statistics, with_way
from metarl.evaluation.evaluate import seeded
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_images
from metarl.training.trainer import FewShotTrainer

WAY = 20


class OneShot(NamedTuple):
    """One run of training on Lake's runs."""

    run: str
    iteration: int
    bn: str
    seed: int  # of the order in which the characters are shown
    right: list[int]  # of 20, in each run

    @property
    def total(self) -> int:
        """Right answers of 400."""
        return sum(self.right)

    @property
    def percent(self) -> Estimate:
        """Right answers in %, with the interval over the runs."""
        return mean_interval(np.array(self.right, dtype=np.float64) * 100 / WAY)

    def to_json(self) -> dict[str, Any]:
        trials = WAY * len(self.right)
        return {**self._asdict(), "total": self.total, "trials": trials, "percent": self.percent.to_json()}


def supervised_tasks(images: ImageSet, runs: omniglot.Runs, generator: torch.Generator) -> SupervisedTask:
    """The runs as lessons [20, ...], their support in random order: what answers alike to all is right by chance."""
    order = torch.rand(runs.label.shape, generator=generator).argsort(-1)  # [20, 20]
    support = torch.take_along_dim(runs.support, order[..., None], 1)
    label = torch.take_along_dim(order.argsort(-1), runs.label, 1)  # where the shown character went
    shown = torch.arange(WAY).expand_as(label)
    return SupervisedTask(
        (Examples(_pictures(images, support), shown),), Examples(_pictures(images, runs.query), label)
    )


def _pictures(images: ImageSet, which: torch.Tensor) -> torch.Tensor:
    """(class, drawing) [20, 20, 2] -> [20, 20, 1, H, H] float in [0, 1]."""
    return images.pixels[which[..., 0], which[..., 1]][:, :, None].float() / images.levels


@torch.no_grad()
def count_right(learner: FewShotLearner, theta: Params, given: SupervisedTask) -> list[int]:
    """Right answers in each of the lessons; `theta` is calibrated where the learner asks for running statistics."""
    learner = with_way(learner, WAY)
    right: list[int] = []
    for i in range(len(given.query.y)):  # one by one: 40 images of 105 x 105 in a wide network are enough at once
        task = SupervisedTask((Examples(*(t[i] for t in given.support[0])),), Examples(*(t[i] for t in given.query)))
        right.append(int((answers(learner, theta, task) == task.query.y).sum()))
    return right


def evaluate(run: Run, seed: int, bn: str | None) -> OneShot:
    """A run's newest checkpoint on Lake's runs. UserError where it has met their characters, or cannot be asked."""
    tasks = run.config.tasks
    if not isinstance(tasks, FewShotTasks) or tasks.data != "omniglot":
        raise UserError(f"--lake is for runs on Omniglot: {run.name} was trained on other tasks")
    if tasks.splits != "lake":
        raise UserError(
            f"--lake asks for characters that {run.name} was trained on, its splits being {tasks.splits}: "
            "train one with --tasks.splits lake"
        )
    trainer = FewShotTrainer(run.config, checkpoint.selected_checkpoint(run))
    learner = with_statistics(trainer.learner, bn)
    if isinstance(learner, FIXED_WAY) and learner.way != WAY:
        raise UserError(
            f"--lake asks for {WAY} ways, but the last layer of {run.name} tells {learner.way} classes apart: "
            f"train one with --tasks.way {WAY}"
        )
    family = build_images(tasks.model_copy(update={"shot": 1}))
    theta = trainer.state.theta
    if learner.bn == "running":
        theta = calibrate(learner, theta, family, seeded(0))
    try:
        given = supervised_tasks(family.images, omniglot.one_shot_runs(), seeded(seed))
    except ValueError as error:
        raise UserError(f"--lake: {error}") from None
    return OneShot(run.name, trainer.state.iteration, learner.bn, seed, count_right(learner, theta, given))


def store(run: Run, found: OneShot) -> Path:
    """Write what was found into the run's folder; the same evaluation gives the same file."""
    path = run.path / f"lake_iteration{found.iteration}_{found.bn}_seed{found.seed}.json"
    path.write_text(json.dumps(found.to_json(), indent=1))
    return path


def table(rows: list[OneShot]) -> Table:
    """A row for each run of training."""
    out = Table(title="Lake's one-shot runs: 400 trials of 20 characters of one alphabet")
    for column in ("run", "iteration", "batch norm", "right of 400", "%"):
        out.add_column(column)
    for row in rows:
        p = row.percent
        out.add_row(row.run, str(row.iteration), row.bn, str(row.total), escape(p.said(digits=1)))
    out.caption = "mean [95 % bootstrap interval over the 20 runs]; one training seed; chance is 5 %"
    return out
