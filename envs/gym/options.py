"""The options of `reset`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.core import Tasks
from envs.wording import count_of

Bools = NDArray[np.bool_]


def reset_mask(options: Mapping[str, Any], num_envs: int) -> Bools:
    """The worlds to reset [num_envs]. Raises ValueError for an unknown option or a mask of another shape or type."""
    if strange := options.keys() - {"task", "reset_mask"}:
        raise ValueError(f"reset has no option {', '.join(map(str, strange))}, expected task or reset_mask")
    mask = np.asarray(options.get("reset_mask", np.ones(num_envs, dtype=bool)))
    if mask.shape != (num_envs,) or mask.dtype != np.bool_ or not mask.any():
        expected = f"expected ({num_envs},) of bool, not all of them False"
        raise ValueError(f"reset_mask has shape {mask.shape} of {mask.dtype}, {expected}")
    return mask


def updated_tasks(
    tasks: Tasks, task: Mapping[str, float] | Sequence[Mapping[str, float]], mask: Bools | None = None
) -> Tasks:
    """`tasks` with some numbers replaced by those of one mapping, or of one per world, where `mask` [num_envs] is True.

    Raises ValueError for anything else.
    """
    count = len(tasks)
    rows = [dict(task)] * count if isinstance(task, Mapping) else [dict(t) for t in task]
    if len(rows) != count:
        raise ValueError(f"got {count_of(len(rows), 'task')} for {count} worlds, expected one, or one per world")
    current = tasks.to_json()
    if not all(isinstance(x, int | float | np.number) for row in rows for x in row.values()):
        raise ValueError(f"a task maps names to numbers, but got {next(iter(rows))}")
    chosen = np.ones(count, dtype=bool) if mask is None else mask
    return Tasks.from_json([old | (new if on else {}) for old, new, on in zip(current, rows, chosen, strict=True)])


def checked_tasks(tasks: object, names: tuple[str, ...], count: int) -> Tasks:
    """A copy of the tasks of `count` worlds, its columns in the order of `names`, which have to be its own.

    Raises ValueError for anything else.
    """
    if not isinstance(tasks, Tasks):
        raise ValueError(f"tasks are {type(tasks).__name__}, expected Tasks: build them with Tasks.from_json([...])")
    if len(tasks) != count:
        raise ValueError(f"got {count_of(len(tasks), 'task')} for {count} worlds, expected one per world")
    return Tasks(names, tasks.values.double()[:, [tasks.names.index(name) for name in names]])
