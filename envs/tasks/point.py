"""A point in the plane, the smallest tasks to act in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from envs.settings import Count, Positive
from envs.task_settings import ON_THREADS, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.point import PointNavigation


class Settings(TaskSettings):
    """A point in the plane that must find a goal it cannot see."""

    kind: Literal["point"] = "point"
    horizon: Count = 100
    action_scale: Positive = 10.0

    @property
    def is_point(self) -> bool:
        return True

    def build(self, simulation: Simulation = ON_THREADS) -> PointNavigation:
        from envs.point import PointNavigation

        return PointNavigation(self.horizon, self.action_scale)
