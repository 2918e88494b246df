"""A robot x goal x terrain x dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from envs.registry import nearest
from envs.settings import Count, NonNegative, Number, Positive
from envs.task_settings import ON_THREADS, Simulation, TaskSettings
from envs.tasks.variable_settings import VariableSettings
from envs.variations.catalogue import ROBOTS, VARIABLE_SPECS, goal_of

if TYPE_CHECKING:
    from envs.locomotion.family import Locomotion


class Settings(TaskSettings):
    """A robot x goal x terrain x dynamics: what varies is named in `vary` (see `metarl list variables`)."""

    kind: Literal["locomotion"] = "locomotion"
    robot: str
    vary: dict[str, VariableSettings]
    physics: Literal["fast", "gymnasium"] = "fast"
    horizon: Count = 100
    action_scale: Positive = 10.0
    ctrl_cost: NonNegative | None = None
    alive_bonus: Number | None = None
    has_robot: ClassVar[bool] = True

    @field_validator("robot")
    @classmethod
    def _is_known(cls, robot: str) -> str:
        if robot not in ROBOTS:
            raise PydanticCustomError("unknown_name", "{got}; {hint}", {"got": repr(robot), "hint": nearest(robot, ROBOTS)})
        return robot

    @field_validator("vary")
    @classmethod
    def _within_limits(cls, vary: dict[str, VariableSettings]) -> dict[str, VariableSettings]:
        for name, v in vary.items():
            base, _, element = name.partition(":")
            if base not in VARIABLE_SPECS:
                raise ValueError(f"{base!r} is not a variable; {nearest(base, list(VARIABLE_SPECS))}")
            quantity = VARIABLE_SPECS[base]
            if (element or v.per_element) and quantity.per_element is None:
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

    @property
    def title(self) -> str:
        return self.robot

    def build(self, simulation: Simulation = ON_THREADS) -> Locomotion:
        from envs.locomotion.family import Locomotion

        return Locomotion(
            self.robot,
            tuple(varied.variable(name) for name, varied in self.vary.items()),
            physics=self.physics,
            horizon=self.horizon,
            action_scale=self.action_scale,
            ctrl_cost=self.ctrl_cost,
            alive_bonus=self.alive_bonus,
            **simulation.options(),
        )
