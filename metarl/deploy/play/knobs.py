"""The numbers of a task that one may turn while a policy acts: their names, units and ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from envs.core import Interval, TaskDistribution, Variable
from envs.locomotion.words import phrase
from envs.variations.registry import VARIATIONS, base_name

EVENT_TIME = "event_s"  # a button says when something happens
DIGITS = 3  # of a value to begin with


class Knob(NamedTuple):
    """One number of a task. `choices` is empty where it may take any value of its ranges."""

    name: str
    label: str
    hint: str
    trained: tuple[Interval, ...]  # where training tasks are drawn from
    allowed: tuple[Interval, ...]  # those, and where ood tasks are
    choices: tuple[float, ...]

    @property
    def low(self) -> float:
        return min(low for low, _ in self.allowed)

    @property
    def high(self) -> float:
        return max(high for _, high in self.allowed)

    def is_trained(self, value: float) -> bool:
        """Whether training has seen such a value."""
        return any(low <= value <= high for low, high in self.trained)

    def nearest(self, value: float) -> float:
        """The nearest value that the family has."""
        inside = [min(max(value, low), high) for low, high in self.allowed]
        return min(inside, key=lambda x: abs(x - value))

    def words(self, value: float) -> str:
        """The value in words: `slope 12 degrees`."""
        return phrase(self.name, value)


def knobs_of(family: TaskDistribution) -> tuple[Knob, ...]:
    """Every number in which tasks of a family differ, but for the time of an event."""
    return tuple(_knob(v) for v in family.variables if not v.is_constant and v.name != EVENT_TIME)


def _knob(variable: Variable) -> Knob:
    base = base_name(variable.name)
    part = variable.name.removeprefix(base).removeprefix(":")
    known = VARIATIONS.items().get(base)
    unit = f", {known.unit}" if known is not None and known.unit else ""
    label = base.removesuffix("_deg").replace("_", " ") + (f" of {part}" if part else "") + unit
    hint = f"trained on {_ranges(variable.train)}" + (f"; ood {_ranges(variable.ood)}" if variable.ood else "")
    allowed = variable.train + variable.ood
    finite = all(low == high for low, high in allowed)
    choices = tuple(sorted({low for low, _ in allowed})) if finite else ()
    return Knob(variable.name, label, f"{known.text}; {hint}" if known else hint, variable.train, allowed, choices)


def _ranges(intervals: Sequence[Interval]) -> str:
    return ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in intervals)


def rounded(knobs: Sequence[Knob], task: Mapping[str, float]) -> dict[str, float]:
    """A task whose numbers that may be turned have three digits, so that a slider shows what is simulated."""
    turned = {k.name: k.nearest(float(f"{task[k.name]:.{DIGITS}g}")) for k in knobs if not k.choices}
    return {**task, **turned}


def beyond_training(knobs: Sequence[Knob], task: Mapping[str, float]) -> tuple[str, ...]:
    """Numbers that training has not seen, in words: `slope 12 degrees`."""
    return tuple(k.words(task[k.name]) for k in knobs if not k.is_trained(task[k.name]))
