"""Tasks: robots and what varies between them, points, images, waves, sequences."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from envs.robots.registry import ROBOTS
from envs.settings import Count, NonNegative, Number, Positive, Range, Record
from envs.variations.registry import VARIATIONS, goal_of
from metarl.errors import nearest


class Vary(Record):
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


def _is_one_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and not isinstance(value[0], list | tuple)


class LocomotionTasks(Record):
    """A robot x goal x terrain x dynamics: what varies is named in `vary` (see `metarl list variables`)."""

    kind: Literal["locomotion"] = "locomotion"
    robot: str
    vary: dict[str, Vary]
    physics: Literal["fast", "gymnasium"] = "fast"
    horizon: Count = 100
    action_scale: Positive = 10.0
    ctrl_cost: NonNegative | None = None
    alive_bonus: Number | None = None

    @field_validator("robot")
    @classmethod
    def _is_known(cls, robot: str) -> str:
        if robot not in ROBOTS:
            raise ValueError(f"{robot!r} is not a robot; {nearest(robot, ROBOTS.names())}")
        return robot

    @field_validator("vary")
    @classmethod
    def _within_limits(cls, vary: dict[str, Vary]) -> dict[str, Vary]:
        for name, v in vary.items():
            base, _, element = name.partition(":")
            if base not in VARIATIONS:
                raise ValueError(f"{base!r} is not a variable; {nearest(base, VARIATIONS.names())}")
            quantity = VARIATIONS[base]
            if (element or v.per_element) and quantity.element is None:
                raise ValueError(f"{base} has no elements: it is one number for the whole robot")
            if element and v.per_element:
                raise ValueError(f"{name} names one element: 'per_element' asks for all of them")
            ends = sum(v.intervals() + v.beyond(), ())
            for end in ends:
                if not quantity.low <= end <= quantity.high:
                    raise ValueError(f"{name} {end:g} lies outside [{quantity.low:g}, {quantity.high:g}]")
            if quantity.whole and (not v.choices or v.ood or any(end != round(end) for end in ends)):
                raise ValueError(f"{name} is a whole number: give 'choices'")
            if base == "direction" and 0.0 in v.choices + v.ood_choices:
                raise ValueError("direction is one of the choices -1 and 1")
        goal_of(vary)
        return vary

    @model_validator(mode="after")
    def _has_twin(self) -> Self:
        if self.physics == "gymnasium" and ROBOTS.facts(self.robot).gymnasium_id is None:
            raise ValueError(f"gymnasium has no environment of the robot {self.robot}: its physics is 'fast'")
        return self


class NamedTasks(Record):
    """A distribution by its name: a robot's own or a classic one (see `metarl list tasks`)."""

    kind: Literal["named"]
    name: str
    physics: Literal["fast", "gymnasium"] | None = None
    horizon: Count | None = None
    action_scale: Positive | None = None


class PointTasks(Record):
    """A point in the plane that must find a goal it cannot see."""

    kind: Literal["point"]
    horizon: Count = 100
    action_scale: Positive = 10.0


class BanditTasks(Record):
    """Arms that pay with probabilities to be found out within `pulls` pulls."""

    kind: Literal["bandit"]
    arms: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5
    pulls: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 10


class FewShotTasks(Record):
    """Images of characters: `way` classes a task, `shot` support and `query` query drawings of each."""

    kind: Literal["fewshot"]
    data: Literal["omniglot", "glyphs"] = "glyphs"
    way: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5
    shot: Annotated[int, Field(ge=1, le=19, strict=True)] = 1
    query: Annotated[int, Field(ge=1, le=19, strict=True)] = 5
    splits: Literal["vinyals", "lake"] = "vinyals"
    resize: Literal["nearest", "area"] = "nearest"
    turn_test_classes: bool = True
    size: Literal[28, 105] = 28
    distort: bool = False

    @model_validator(mode="after")
    def _resizes_something(self) -> Self:
        if self.size != 28 and self.resize != "nearest":
            raise ValueError(f"resize says how images become 28 x 28: with size {self.size} leave it out")
        return self


class SinusoidTasks(Record):
    """Sine waves of which `shot` points are shown; `reptile` is the variant with every phase."""

    kind: Literal["sinusoid"]
    variant: Literal["maml", "reptile"] = "maml"
    shot: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    query: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10


class CopyTasks(Record):
    """Sequences of up to `length` vectors of `bits` bits, to be told up to `repeats` times (Graves et al. 2014)."""

    kind: Literal["copy"]
    length: Annotated[int, Field(ge=1, le=1000, strict=True)] = 20
    repeats: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    bits: Annotated[int, Field(ge=1, le=100, strict=True)] = 8
