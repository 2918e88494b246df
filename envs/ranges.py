"""A number that varies between tasks, and the ranges it takes in each split. Imports no torch."""

from __future__ import annotations

from typing import Literal, NamedTuple

SPLITS = ("train", "test", "ood")
Interval = tuple[float, float]
Spacing = Literal["uniform", "log", "area"]


class Variable(NamedTuple):
    """One number of a task: a union of intervals for training and testing, another for `ood`.

    A choice is an interval of length zero. Where `ood` is empty the variable keeps its training range there.

    spacing: `uniform`; `log`, uniform in the logarithm, for multipliers; or `area`, uniform in the square, which
        spreads a distance evenly over a disc.
    per_element: sample a separate value for each element of the robot (`mass:torso`, `mass:leg`, ...).
    in_descriptor: whether the descriptor of a task holds this number.
    """

    name: str
    train: tuple[Interval, ...]
    ood: tuple[Interval, ...] = ()
    spacing: Spacing = "uniform"
    per_element: bool = False
    in_descriptor: bool = True

    @property
    def is_constant(self) -> bool:
        """Whether it has a single value."""
        return len({end for interval in self.train + self.ood for end in interval}) == 1

    def is_finite(self, split: str) -> bool:
        """Whether it only has choices."""
        return all(low == high for low, high in self.intervals(split))

    def intervals(self, split: str) -> tuple[Interval, ...]:
        """The intervals of a split."""
        return self.ood if split == "ood" and self.ood else self.train

    def contains(self, value: float) -> bool:
        """Whether a value lies in any split."""
        return any(low <= value <= high for low, high in self.train + self.ood)

    def describe(self) -> str:
        """Name and ranges, in one line."""
        train = _describe(self.train)
        return f"{self.name} in {train}" + (f", ood {_describe(self.ood)}" if self.ood else "")


def _describe(intervals: tuple[Interval, ...]) -> str:
    parts = [f"{a:g}" if a == b else f"[{a:g}, {b:g}]" for a, b in intervals]
    return "{" + ", ".join(parts) + "}" if all(a == b for a, b in intervals) else " or ".join(parts)
