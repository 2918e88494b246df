"""Settings of tasks in which a robot moves: which one, and what varies."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from envs.registry import nearest
from envs.robots.registry import ROBOTS
from envs.settings import Count, Positive, Substeps
from envs.task_settings import TaskSettings
from envs.tasks.variable_settings import VariableSettings
from envs.variations.registry import VARIATIONS


class RobotTaskSettings(TaskSettings):
    """A robot x terrain x dynamics: what varies is named in `vary` (see `metarl list variables`)."""

    robot: str
    vary: dict[str, VariableSettings]
    physics: Literal["fast", "gymnasium", "default", "pyramidal"] = "fast"
    substeps: Substeps = 1
    horizon: Count = 100
    action_scale: Positive = 10.0
    has_robot: ClassVar[bool] = True

    @field_validator("robot")
    @classmethod
    def _is_known(cls, robot: str) -> str:
        if robot not in ROBOTS:
            raise PydanticCustomError(
                "unknown_name", "{got}; {hint}", {"got": repr(robot), "hint": nearest(robot, ROBOTS.names())}
            )
        return robot

    @field_validator("vary")
    @classmethod
    def _within_limits(cls, vary: dict[str, VariableSettings]) -> dict[str, VariableSettings]:
        for name, v in vary.items():
            base, _, element = name.partition(":")
            if base not in VARIATIONS:
                raise ValueError(f"{base!r} is not a variable; {nearest(base, VARIATIONS.names())}")
            variation = VARIATIONS[base]
            if (element or v.per_element) and variation.element is None:
                raise ValueError(f"{base} has no elements: it is one number for the whole robot")
            if element and v.per_element:
                raise ValueError(f"{name} names one element: 'per_element' asks for all of them")
            ends = sum(v.intervals() + v.beyond(), ())
            for end in ends:
                if not variation.low <= end <= variation.high:
                    raise ValueError(f"{name} {end:g} lies outside [{variation.low:g}, {variation.high:g}]")
            if variation.whole and (not v.choices or v.ood or any(end != round(end) for end in ends)):
                raise ValueError(f"{name} is a whole number: give 'choices'")
            if base == "direction" and 0.0 in v.choices + v.ood_choices:
                raise ValueError("direction is one of the choices -1 and 1")
        return vary

    @model_validator(mode="after")
    def _has_twin(self) -> Self:
        if self.physics == "gymnasium" and ROBOTS.facts(self.robot).gymnasium_id is None:
            raise ValueError(f"gymnasium has no environment of the robot {self.robot}: its physics is 'fast'")
        return self

    @property
    def title(self) -> str:
        return self.robot

    def model_digest(self) -> str | None:
        from envs.robots.from_file import digest

        return digest(ROBOTS[self.robot])
