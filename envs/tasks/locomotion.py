"""A robot x goal x terrain x dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from envs.settings import NonNegative, Number
from envs.task_settings import ON_THREADS, Simulation
from envs.tasks.robot_settings import RobotTaskSettings
from envs.variations.registry import VARIATIONS, base_name, goal_of

if TYPE_CHECKING:
    from envs.locomotion.family import Locomotion


class Settings(RobotTaskSettings):
    """A robot x goal x terrain x dynamics: what varies is named in `vary` (see `metarl list variables`)."""

    kind: Literal["locomotion"] = "locomotion"
    ctrl_cost: NonNegative | None = None
    alive_bonus: Number | None = None

    @model_validator(mode="after")
    def _has_one_goal(self) -> Self:
        goal_of(self.vary)
        if events := [name for name in self.vary if VARIATIONS[base_name(name)].kind == "event"]:
            raise ValueError(f"{events[0]} changes within an episode: that is for tasks of kind legged")
        return self

    def build(self, simulation: Simulation = ON_THREADS) -> Locomotion:
        from envs.locomotion.family import Locomotion

        return Locomotion(
            self.robot,
            tuple(varied.variable(name) for name, varied in self.vary.items()),
            physics=self.physics,
            substeps=self.substeps,
            horizon=self.horizon,
            action_scale=self.action_scale,
            ctrl_cost=self.ctrl_cost,
            alive_bonus=self.alive_bonus,
            **simulation.options(),
        )
