"""Groups of tasks that have something in common, such as the direction, and the returns on each.

Axis: `N` tasks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core import TaskDistribution, Variable
from envs.variations.ground import KINDS
from envs.wording import count_of
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.statistics import Estimate, mean_interval

MAX_COMBINATIONS = 12  # that have rows of their own; chosen


class Group(NamedTuple):
    """Some of the tasks, and what they have in common."""

    label: str
    variables: tuple[str, ...]  # by which they were selected
    members: NDArray[np.bool_]  # [N]


def everything(evaluation: Evaluation) -> Group:
    """All tasks."""
    return Group("all tasks", (), np.ones(len(evaluation.tasks), dtype=bool))


def parts(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """The tasks of each choice, or each separate range, of every parameter that has several."""
    return [g for axis in _axes(family, evaluation) for g in axis if g.members.any()]


def groups(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """All tasks; the parts of every parameter; their combinations where there are two or three parameters, and few of
    them.
    """
    axes = _axes(family, evaluation)
    few = 2 <= len(axes) <= 3 and math.prod(map(len, axes)) <= MAX_COMBINATIONS
    combinations = itertools.product(*axes) if few else ()
    combined = [
        Group(
            ", ".join(g.label for g in combination),
            tuple(name for g in combination for name in g.variables),
            np.logical_and.reduce([g.members for g in combination]),
        )
        for combination in combinations
    ]
    return [everything(evaluation), *parts(family, evaluation), *(g for g in combined if g.members.any())]


def _axes(family: TaskDistribution, evaluation: Evaluation) -> list[list[Group]]:
    seconds = family.horizon * getattr(family, "control_step", 0.0)
    told = [v for v in family.variables if v.name in family.descriptor_names]
    axes = [_failures(evaluation, seconds) if v.name == "event_motor" else list(_parts_of(v, evaluation)) for v in told]
    return [axis for axis in axes if len(axis) > 1]


def _parts_of(variable: Variable, evaluation: Evaluation) -> Iterator[Group]:
    values = np.array([task[variable.name] for task in evaluation.tasks])
    for low, high in variable.intervals(evaluation.split):
        label = _choice(variable.name, low) if low == high else f"{variable.name} {low:g}..{high:g}"
        yield Group(label, (variable.name,), (values >= low) & (values <= high))


def _failures(evaluation: Evaluation, seconds: float) -> list[Group]:
    """Whether a motor fails within episodes of so many seconds; which one it is makes too many groups."""
    fails = np.array([task["event_motor"] >= 0 and task["event_s"] < seconds for task in evaluation.tasks])
    return [Group("no motor fails", ("event_motor",), ~fails), Group("a motor fails", ("event_motor",), fails)]


def _choice(name: str, value: float) -> str:
    return KINDS[int(value)] if name == "ground" else f"{name} {value:+g}"


def gain(evaluation: Evaluation, members: NDArray[np.bool_]) -> Estimate:
    """Return after the adaptation of `Evaluation.gained` minus the return before any, paired by task; members [N]."""
    return mean_interval(evaluation.returns[evaluation.gained, members] - evaluation.returns[0, members])


def describe_tasks(family: TaskDistribution, evaluation: Evaluation) -> str:
    """How many tasks of which split, and whether training can have sampled them."""
    count, split = len(evaluation.tasks), evaluation.split
    if split == "train":
        return count_of(count, "training task")
    known = [set(v.train) >= set(v.intervals(split)) and v.is_finite(split) for v in family.variables]
    if all(known):
        return f"{count_of(count, 'task')}, split {split} (of the few that exist, all met in training)"
    return f"{count_of(count, 'unseen task')}, split {split}"
