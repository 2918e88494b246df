"""Which evaluator is for which tasks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from metarl.config.experiment import Config
from metarl.errors import UserError, nearest
from metarl.evaluation.evaluator import Evaluator

EVALUATORS = ("accuracy", "adaptation", "regression", "sequences")  # modules of this package


def evaluator_of(config: Config, lake: bool = False) -> Evaluator[Any]:
    """The evaluator that the tasks of a config name; lake: the one of Lake's one-shot trials.

    Raises UserError for tasks of a plugin that name an evaluator which does not exist.
    """
    name = "lake" if lake else config.tasks.evaluator
    if name not in EVALUATORS and not lake:
        raise UserError(f"tasks of kind {config.tasks.kind} name the evaluator {name!r}: {nearest(name, EVALUATORS)}")
    evaluator: type[Evaluator[Any]] = import_module(f"metarl.evaluation.{name}").EVALUATOR
    return evaluator(config)
