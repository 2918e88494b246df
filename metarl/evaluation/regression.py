"""The evaluator of regression: squared error on unseen functions, by points shown and by gradient steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from agents.objectives import mse
from envs.core import Examples
from envs.task_settings import ON_THREADS
from envs.wording import count_of
from metarl.evaluation.evaluator import Options, SupervisedEvaluator
from metarl.evaluation.progress import ignore
from metarl.evaluation.sampling import check_split, seeded
from metarl.evaluation.statistics import Estimate, interval_note, mean_interval
from metarl.evaluation.stored import read_result
from metarl.evaluation.text_table import TextTable
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_tasks
from metarl.training.make import load_trainer

QUERY = 100  # points of each function on which the error is measured
SHOTS = (5, 10, 20)  # points shown
STEPS = (0, 1, 5, 10)  # gradient steps

Errors = dict[int, dict[int, Estimate]]
"""Points shown -> gradient steps -> squared error."""


class RegressionResult(NamedTuple):
    """Squared errors of one run on unseen functions."""

    run: str
    iteration: int
    split: str
    seed: int
    num_tasks: int
    errors: Errors

    def to_json(self) -> dict[int, dict[int, Any]]:
        return {shot: {k: e.to_json() for k, e in row.items()} for shot, row in self.errors.items()}

    @property
    def file_name(self) -> str:
        return f"regression_{self.split}_iteration{self.iteration}_{self.num_tasks}_seed{self.seed}.json"


class RegressionEvaluator(SupervisedEvaluator[RegressionResult]):
    """Evaluates the squared error on unseen functions.

    A learner without gradient steps is evaluated before and after its one reading of the support.
    """

    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> RegressionResult:
        trainer, count = load_trainer(run), self.count(options)
        check_split(trainer.family, options.split)
        steps = STEPS if trainer.learner.takes_steps else (0, 1)
        errors: Errors = {}
        for shot in SHOTS:
            settings = run.config.tasks.model_copy(update={"shot": shot, "query": QUERY})
            family = build_tasks(settings, ON_THREADS)
            task = family.examples(family.sample(count, options.split, seeded(options.seed)))
            errors[shot] = {k: _squared_error(trainer.learner, trainer.theta, k, *task) for k in steps}
            advance(1 / len(SHOTS))
        return RegressionResult(run.name, trainer.iteration, options.split, options.seed, count, errors)

    def score(self, result: RegressionResult) -> float:
        """The negative squared error after one step, or one reading, the mean over numbers of points shown."""
        return -sum(row[1].value for row in result.errors.values()) / len(result.errors)

    def find_stored(self, run: Run, options: Options) -> RegressionResult | None:
        iteration, count = checkpoint.selected_iteration(run), self.count(options)
        wanted = RegressionResult(run.name, iteration, options.split, options.seed, count, {})
        return read_result(run, wanted.file_name, lambda found: wanted._replace(errors=_errors_of(found)))

    def tables(self, results: Sequence[RegressionResult]) -> list[TextTable]:
        return [_table(result) for result in results]


EVALUATOR = RegressionEvaluator


def _errors_of(stored: dict[str, Any]) -> Errors:
    """The inverse of `RegressionResult.to_json`. Raises ValueError or AttributeError for what cannot be."""
    errors = {int(s): {int(k): Estimate.from_json(e) for k, e in row.items()} for s, row in stored.items()}
    if tuple(errors) != SHOTS or not all(tuple(row) in (STEPS, STEPS[:2]) for row in errors.values()):
        raise ValueError(f"its errors are not of {SHOTS} points")
    return errors


def _squared_error(learner: Learner[Any], theta: Params, steps: int, support: Examples, query: Examples) -> Estimate:
    """After so many gradient steps on the support; support and query are [N, ...]."""
    if learner.takes_steps:
        learner = dataclasses.replace(learner, test_steps=steps)  # type: ignore[type-var]  # every learner is one

    def error(s: Examples, q: Examples) -> Tensor:
        phi = learner.initial_state(theta)
        phi = learner.adapt(theta, phi, s) if steps else phi
        return mse(learner.apply(theta, phi, q.x), q)

    return mean_interval(torch.func.vmap(error)(support, query).double().numpy())


def _table(result: RegressionResult) -> TextTable:
    """A row for each number of points shown, a column for each number of gradient steps."""
    steps = list(next(iter(result.errors.values())))
    after = {k: f"after {k} step{'s' if k > 1 else ''}" for k in steps} if len(steps) > 2 else {1: "after"}
    headers = ["points shown", *(after[k] if k else "before" for k in steps)]
    rows = [[str(shot), *(e.to_text(digits=2) for e in errors.values())] for shot, errors in result.errors.items()]
    title = f"{result.run}: squared error on {count_of(result.num_tasks, f'{result.split} task')}"
    return TextTable(title, headers, rows, [f"mean [{interval_note(result.num_tasks)}]; one training seed"], "r")
