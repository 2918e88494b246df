"""Drawing tasks: what every family does with its variables."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import SPLITS, Interval, Tasks, Variable

_BITS = 31  # a draw is k / 2^31 of the way through its range: finer than any effect on a robot


class Varied:
    """Tasks as numbers that vary: the half of a `TaskDistribution` that knows nothing of worlds."""

    def __init__(self, variables: tuple[Variable, ...]) -> None:
        self.variables = variables
        self.names = tuple(v.name for v in variables)
        self._varying = tuple(v for v in variables if len(set(sum(v.train + v.ood, ()))) > 1)
        self.descriptor_names = tuple(v.name for v in self._varying)

    def splits(self) -> tuple[str, ...]:
        """`ood` exists where a variable has a range for it."""
        return SPLITS if any(v.ood for v in self.variables) else SPLITS[:2]

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Draw `num_tasks` tasks of a split.

        Train and test are disjoint by construction: a draw is an integer over 2^31, even for train and odd for
        test and ood. A variable of finitely many choices is shared by both, because nothing of it can be held out.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        if split not in self.splits():
            raise ValueError("this family has no ood split: give a variable an 'ood' range to make one")
        columns = [_draw(v.intervals(split), num_tasks, split, generator) for v in self.variables]
        return Tasks(self.names, torch.stack(columns, 1))

    def check(self, tasks: Tasks) -> None:
        """Raise ValueError if a task has a wrong name or a value outside every split."""
        self.check_names(tasks)
        for variable in self.variables:
            for value in tasks.column(variable.name).tolist():
                if not variable.contains(value):
                    family = variable.describe()
                    raise ValueError(f"{variable.name}={value:g} lies outside this family of tasks ({family})")

    def check_names(self, tasks: Tasks) -> None:
        """Raise ValueError if a task lacks a parameter of this family or has another."""
        if strange := set(tasks.names) ^ set(self.names):
            wrong = "does not know" if strange & set(tasks.names) else "needs"
            named = ", ".join(sorted(strange & set(tasks.names) or strange))
            raise ValueError(f"this family {wrong} {named}: its tasks have the parameters {', '.join(self.names)}")

    def descriptor(self, tasks: Tasks) -> Tensor:
        """Parameters that vary, centred and scaled by the training range, [N, P] float32."""
        columns = [(tasks.column(v.name) - v.scale()[0]) / v.scale()[1] for v in self._varying]
        return torch.stack(columns, 1).float() if columns else torch.empty(len(tasks), 0)


def _draw(intervals: tuple[Interval, ...], n: int, split: str, generator: torch.Generator) -> Tensor:
    low, high = torch.tensor(intervals, dtype=torch.float64).T
    length = high - low
    weights = length if length.sum() > 0 else torch.ones_like(length)
    which = torch.multinomial(weights, n, replacement=True, generator=generator)  # [n]
    k = 2 * torch.randint(2 ** (_BITS - 1), (n,), generator=generator) + (split != "train")
    drawn: Tensor = low[which] + length[which] * (k.double() / 2**_BITS)
    return drawn
