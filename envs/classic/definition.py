"""What makes a classic distribution of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from envs.robots import Robot
from envs.robots.robot import Body
from envs.terrain.ground import Terrain
from envs.variations.goals import Goal

BOTH_WAYS = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))
FORWARDS = Variable("direction", ((1.0, 1.0),))
ANY_HEADING = Variable("heading_deg", ((0.0, 360.0),))
WITHIN_3_M = (Variable("goal_distance", ((0.0, 3.0),), spacing="area"), Variable("goal_heading_deg", ((0.0, 360.0),)))


class Definition(NamedTuple):
    """A robot's published task; `make` turns it into the distribution."""

    robot: type[Robot]
    variables: tuple[Variable, ...]
    horizon: int = 200
    action_scale: float = 1.0
    reward: Goal | None = None
    terrain: Callable[[], Terrain] | None = None

    def make(self, **options: Any) -> Locomotion:
        settings: dict[str, Any] = {
            "horizon": self.horizon,
            "action_scale": self.action_scale,
            "physics": "gymnasium",
        } | options
        terrain = self.terrain() if self.terrain else None
        return Locomotion(self.robot, self.variables, reward=self.reward, terrain=terrain, **settings)


class PointDefinition(NamedTuple):
    """A point's published task."""

    arguments: dict[str, Any]

    def make(self, **options: Any) -> PointNavigation:
        own = {k: v for k, v in options.items() if k != "num_threads"}
        if strange := own.keys() - {"horizon", "action_scale"}:
            raise ValueError(f"a point has no {', '.join(sorted(strange))}: it knows horizon and action_scale")
        return PointNavigation(**(self.arguments | own))


def contact_forces(body: Body) -> Tensor:
    """External forces and torques on every body, clipped to [-1, 1], [W, 6 nbody]; as of the last substep's start."""
    return body.field("cfrc_ext").flatten(1).clamp(-1, 1)


def bonus(goal: Goal, amount: float) -> Goal:
    """A goal that pays a constant on top."""
    return lambda motion, task: goal(motion, task) + amount


def speed_range(low: float, high: float) -> tuple[Variable, ...]:
    return (Variable("velocity", ((low, high),)),)


def cat(*parts: Tensor) -> Tensor:
    return torch.cat(parts, 1)
