"""Tasks that a policy is told by their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TypeAlias

import torch
from torch import Tensor

from envs.core import TaskDistribution, Tasks
from metarl.errors import UserError, nearest

Task: TypeAlias = Mapping[str, float] | Sequence[Mapping[str, float]]


def told_tasks(family: TaskDistribution, task: Task) -> Tasks:
    """Tasks of a family by the numbers that vary in it; the others, which a policy does not observe, are drawn.

    Raises UserError, in one sentence, for numbers that the family does not have, or that are missing or out of range.
    """
    rows = [dict(task)] if isinstance(task, Mapping) else [dict(row) for row in task]
    if not rows:
        raise UserError("got no tasks, expected a mapping of names to numbers, or one for each world")
    for row in rows:
        if unknown := [name for name in row if name not in family.names]:
            raise UserError(f"the tasks have no parameter {unknown[0]!r}: {nearest(str(unknown[0]), family.names)}")
        if wrong := [f"{k}={v!r}" for k, v in row.items() if not isinstance(v, Real)]:
            raise UserError(f"got the task {wrong[0]}, expected a number")
        if missing := [name for name in family.descriptor_names if name not in row]:
            raise UserError(f"the task lacks {', '.join(missing)}, which the policy observes: give every number")
    others = family.sample(len(rows), "train", torch.Generator().manual_seed(0)).to_json()
    tasks = Tasks.from_json([other | row for other, row in zip(others, rows, strict=True)])
    try:
        family.check(tasks)
    except ValueError as error:
        raise UserError(str(error)) from None
    return tasks


def descriptor_of(family: TaskDistribution, tasks: Tasks) -> Tensor:
    """What a policy observes of tasks, [N, P] float32."""
    return family.descriptor(tasks).float()
