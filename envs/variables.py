"""What varies between tasks, and over which numbers in which split."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import SPLITS, Interval, Tasks, Variable

_BITS = 31  # a draw is k / 2^31 of the way through its range: finer than any effect on a robot


def sample(variables: tuple[Variable, ...], num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
    """Draw `num_tasks` tasks of a split.

    Train and test are disjoint by construction: a draw is an integer over 2^31, even for train and odd for
    test and ood. A variable of finitely many choices is shared by both, because nothing of it can be held out.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    if split == "ood" and not any(v.ood for v in variables):
        raise ValueError("this family has no ood split: give a variable an 'ood' range to make one")
    columns = [_draw(v.intervals(split), num_tasks, split, generator) for v in variables]
    return Tasks(tuple(v.name for v in variables), torch.stack(columns, 1))


def _draw(intervals: tuple[Interval, ...], n: int, split: str, generator: torch.Generator) -> Tensor:
    low, high = torch.tensor(intervals, dtype=torch.float64).T
    length = high - low
    weights = length if length.sum() > 0 else torch.ones_like(length)
    which = torch.multinomial(weights, n, replacement=True, generator=generator)  # [n]
    k = 2 * torch.randint(2 ** (_BITS - 1), (n,), generator=generator) + (split != "train")
    drawn: Tensor = low[which] + length[which] * (k.double() / 2**_BITS)
    return drawn


def check(variables: tuple[Variable, ...], tasks: Tasks) -> None:
    """Raise ValueError if a task has a wrong name or a value outside every split."""
    known = {v.name: v for v in variables}
    if set(tasks.names) != set(known):
        raise ValueError(
            f"a task of this family has the parameters {', '.join(known)}, but got {', '.join(tasks.names)}"
        )
    for name in tasks.names:
        for value in tasks.column(name).tolist():
            if not known[name].contains(value):
                raise ValueError(f"{name}={value:g} lies outside this family of tasks ({known[name].describe()})")


def descriptor(variables: tuple[Variable, ...], tasks: Tasks) -> Tensor:
    """Parameters that vary, centred and scaled by the training range, [N, P] float32."""
    columns = [(tasks.column(v.name) - v.scale()[0]) / v.scale()[1] for v in varying(variables)]
    return torch.stack(columns, 1).float() if columns else torch.empty(len(tasks), 0)


def varying(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """The variables that are not constants."""
    return tuple(v for v in variables if len(set(sum(v.train + v.ood, ()))) > 1)
