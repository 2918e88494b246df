"""Lake's one-shot runs: 20 times 20 characters of one alphabet, each shown once and queried once (Lake et al. 2015).

The test of Koch et al. 2015: 400 trials on the evaluation alphabets, within an alphabet, so that chance is 5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.learner import Learner, Params, SupervisedTask
from envs.core import Examples
from envs.fewshot import omniglot
from envs.fewshot.images import ImageSet
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.accuracy import calibrated, images_of
from metarl.evaluation.classification import learner_of, predict, with_statistics, with_way
from metarl.evaluation.defaults import SHOTS
from metarl.evaluation.evaluator import Options, SupervisedEvaluator
from metarl.evaluation.progress import ignore
from metarl.evaluation.published import LAKE
from metarl.evaluation.sampling import seeded
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.evaluation.stored import conform, read_result
from metarl.evaluation.text_table import TextTable
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.make import load_trainer

WAY = 20


class OneShot(NamedTuple):
    """One training run on Lake's one-shot runs."""

    run: str
    iteration: int
    bn: str
    seed: int  # of the order in which the characters are shown
    right: list[int]  # correct predictions of 20, in each one-shot run

    @property
    def total(self) -> int:
        """Correct predictions of 400."""
        return sum(self.right)

    @property
    def percent(self) -> Estimate:
        """Correct predictions in %, with the interval over the one-shot runs."""
        return mean_interval(np.array(self.right, dtype=np.float64) * 100 / WAY)

    @property
    def file_name(self) -> str:
        return _file_name(self.iteration, self.bn, self.seed)

    def to_json(self) -> dict[str, Any]:
        trials = WAY * len(self.right)
        return {**self._asdict(), "total": self.total, "trials": trials, "percent": self.percent.to_json()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> OneShot:
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for what cannot be."""
        result = conform(cls, {field: stored[field] for field in cls._fields})
        if len(result.right) != WAY or not all(0 <= r <= WAY for r in result.right):
            raise ValueError(f"right are not {WAY} numbers of 0 to {WAY}")
        return result


def _file_name(iteration: int, bn: str, seed: int) -> str:
    return f"lake_iteration{iteration}_{bn}_seed{seed}.json"


class LakeEvaluator(SupervisedEvaluator[OneShot]):
    """Evaluates image classifiers on Lake's one-shot trials."""

    def check(self, runs: Sequence[Run], options: Options) -> None:
        """Raise UserError for other options; runs may differ in their tasks, the trials being the same for all."""
        self.check_options(options)
        for run in runs:
            check_characters_are_unseen(run.name, run.config)

    def check_options(self, options: Options) -> None:
        super().check_options(options)
        if options.ways or options.shots != SHOTS or options.num_tasks or options.split != "test":
            raise UserError("--lake has 400 trials of its own: leave out --ways, --shots, --tasks and --split")

    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> OneShot:
        check_characters_are_unseen(run.name, run.config)
        trainer = load_trainer(run)
        learner = with_statistics(trainer.learner, options.bn)
        if learner.fixed_way and learner.way != WAY:
            raise UserError(
                f"--lake has trials of {WAY} classes, but the last layer of {run.name} has {learner.way}: train one "
                f"with --tasks.way {WAY}"
            )
        theta = calibrated(learner, trainer.theta, run.config, shot=1)
        images = images_of(run.config, shot=1).images
        assert isinstance(images, ImageSet)  # of Omniglot
        try:
            trials = supervised_tasks(images, omniglot.one_shot_runs(), seeded(options.seed))
        except ValueError as error:
            raise UserError(f"--lake: {error}") from None
        correct = count_correct(learner, theta, trials, advance)
        return OneShot(run.name, trainer.iteration, learner.bn, options.seed, correct)

    def score(self, result: OneShot) -> float:
        return result.percent.value

    def find_stored(self, run: Run, options: Options) -> OneShot | None:
        learner = with_statistics(learner_of(run.config), options.bn)
        name = _file_name(checkpoint.selected_iteration(run), learner.bn, options.seed)
        return read_result(run, name, lambda found: OneShot.from_json(found)._replace(run=run.name))

    def tables(self, results: Sequence[OneShot]) -> list[TextTable]:
        """A row for each training run."""
        headers = ["run", "iteration", "batch norm", "right of 400", "%"]
        rows = [[r.run, str(r.iteration), r.bn, str(r.total), r.percent.to_text(digits=1)] for r in results]
        note = "mean [95 % bootstrap interval over the 20 runs]; one training seed; chance is 5 %"
        title = "Lake's one-shot runs: 400 trials of 20 characters of one alphabet"
        sources = "; ".join(f"{name} {percent:g} ({source})" for name, (source, percent) in LAKE.items())
        return [TextTable(title, headers, rows, [note, f"published: {sources}"])]


EVALUATOR = LakeEvaluator


def check_characters_are_unseen(name: str, config: Config) -> None:
    """Raise UserError for a run that is not on Omniglot, or that was trained on the characters of the trials."""
    tasks: Any = config.tasks
    if getattr(tasks, "data_name", None) != "omniglot":
        raise UserError(f"--lake is for runs on Omniglot: {name} was trained on other tasks")
    if tasks.splits != "lake":
        raise UserError(
            f"--lake has characters that {name} was trained on, its splits being {tasks.splits}: train one with "
            "--tasks.splits lake"
        )


def supervised_tasks(images: ImageSet, runs: omniglot.Runs, generator: torch.Generator) -> SupervisedTask:
    """The one-shot runs as tasks [20, ...] whose support is in random order, so that a constant prediction is correct
    by chance. Raises ValueError where the images are not those of the runs."""
    order = torch.rand(runs.label.shape, generator=generator).argsort(-1)  # [20, 20]
    support = torch.take_along_dim(runs.support, order[..., None], 1)
    label = torch.take_along_dim(order.argsort(-1), runs.label, 1)  # the new position of the character in the support
    support_labels = torch.arange(WAY).expand_as(label)
    return SupervisedTask(
        (Examples(_pictures(images, support), support_labels),), Examples(_pictures(images, runs.query), label)
    )


def _pictures(images: ImageSet, which: torch.Tensor) -> torch.Tensor:
    """(class, drawing) [20, 20, 2] -> [20, 20, 1, H, H] float in [0, 1]."""
    return images.pixels[which[..., 0], which[..., 1]][:, :, None].float() / images.levels


@torch.no_grad()
def count_correct(
    learner: Learner[Any], theta: Params, trials: SupervisedTask, advance: Callable[[float], None] = ignore
) -> list[int]:
    """Correct predictions in each of the one-shot runs; theta is calibrated where the learner uses running statistics.

    One run at a time: 40 images of 105 x 105 in a wide network are enough at once.
    """
    learner = with_way(learner, WAY)
    correct: list[int] = []
    for i in range(len(trials.query.y)):
        support, query = (Examples(*(t[i] for t in part)) for part in (trials.support[0], trials.query))
        correct.append(int((predict(learner, theta, SupervisedTask((support,), query)) == query.y).sum()))
        advance(1 / len(trials.query.y))
    return correct
