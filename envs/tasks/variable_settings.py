"""What a parameter of a task varies over, as it stands in a config."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from envs.settings import Number, Range, Record

if TYPE_CHECKING:
    from envs.core import Variable


class VariableSettings(Record):
    """What a task parameter varies over: `choices`, or one or more `train` ranges; `ood` ranges or `ood_choices` if
    it has any.

    spacing: how values are spread over a range; `log` for multipliers, `area` for distances over a disc.
    per_element: a value of its own for every body, joint, geom or motor.
    """

    choices: tuple[Number, ...] = ()
    train: tuple[Range, ...] = ()
    ood: tuple[Range, ...] = ()
    ood_choices: tuple[Number, ...] = ()
    spacing: Literal["uniform", "log", "area"] = "uniform"
    per_element: bool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, value: Any) -> Any:
        """A number is a constant, and one range need not be wrapped in a list."""
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return {"choices": [value]}
        if isinstance(value, dict):
            wrap = {k: [v] for k, v in value.items() if k in ("train", "ood") and _is_one_range(v)}
            return {**value, **wrap}
        return value

    @model_validator(mode="after")
    def _ranges_are_sound(self) -> Self:
        if bool(self.choices) == bool(self.train):
            raise ValueError("expected either 'choices' or 'train'")
        for low, high in self.train + self.ood:
            if low >= high:
                raise ValueError(f"the range [{low:g}, {high:g}] is empty: the lower end comes first")
            if high - low < 1e-4 * max(abs(low), abs(high), 1):
                raise ValueError(f"the range [{low:g}, {high:g}] is too narrow: give it as one of 'choices'")
        for ranges in (sorted(self.train), sorted(self.ood)):
            for (a, b), (c, d) in pairwise(ranges):
                if c < b:
                    raise ValueError(f"the ranges [{a:g}, {b:g}] and [{c:g}, {d:g}] overlap")
        for low, high in self.ood:
            if any(low < b and high > a for a, b in self.train) or any(low <= c <= high for c in self.choices):
                raise ValueError(f"the ood range [{low:g}, {high:g}] overlaps what is trained on")
        for c in self.ood_choices:
            if c in self.choices or any(a <= c <= b for a, b in self.train + self.ood):
                raise ValueError(f"the ood choice {c:g} is in another range or choice too")
        return self

    @model_validator(mode="after")
    def _spacing_fits(self) -> Self:
        if self.spacing != "uniform" and not self.train:
            raise ValueError(f"spacing {self.spacing!r} says how a range is drawn, but there are only choices")
        ends = sum(self.intervals() + self.beyond(), ())
        if self.spacing == "log" and min(ends) <= 0:
            raise ValueError(f"{min(ends):g} has no logarithm: with spacing 'log' every value is above 0")
        if self.spacing == "area" and min(ends) < 0:
            raise ValueError(f"{min(ends):g} is no distance: with spacing 'area' no value is below 0")
        return self

    def intervals(self) -> tuple[Range, ...]:
        """Training values as intervals; a choice has length zero."""
        return tuple((c, c) for c in self.choices) or self.train

    def beyond(self) -> tuple[Range, ...]:
        """Out-of-distribution values as intervals."""
        return self.ood + tuple((c, c) for c in self.ood_choices)

    def variable(self, name: str) -> Variable:
        """The same under its name, to sample tasks from."""
        from envs.core import Variable

        return Variable(name, self.intervals(), self.beyond(), self.spacing, self.per_element)


def _is_one_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and not isinstance(value[0], list | tuple)
