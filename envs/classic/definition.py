"""What defines a classic distribution of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from envs.robots.robot import Body, Robot
from envs.terrain.terrain import Terrain
from envs.variations.variation import Reward

WITHIN_3_M = (Variable("goal_distance", ((0.0, 3.0),), spacing="area"), Variable("goal_heading_deg", ((0.0, 360.0),)))


class Definition(NamedTuple):
    """A robot's published tasks; `text` is one line on them. `make` builds the distribution."""

    text: str
    robot: type[Robot]
    variables: tuple[Variable, ...]
    horizon: int = 200
    action_scale: float = 1.0
    reward: Reward | None = None
    terrain: Callable[[], Terrain] | None = None

    def make(self, **options: Any) -> Locomotion:
        """The distribution; options are those of its constructor, and replace the published ones."""
        settings: dict[str, Any] = {
            "horizon": self.horizon,
            "action_scale": self.action_scale,
            "physics": "gymnasium",
        } | options
        terrain = self.terrain() if self.terrain else None
        return Locomotion(self.robot, self.variables, reward=self.reward, terrain=terrain, **settings)


class PointDefinition(NamedTuple):
    """A point's published tasks; `text` is one line on them, `arguments` are those of `PointNavigation`."""

    text: str
    arguments: dict[str, Any]

    @property
    def horizon(self) -> int:
        """Steps of an episode."""
        steps: int = self.arguments.get("horizon", PointNavigation.DEFAULT_HORIZON)
        return steps

    def make(self, **options: Any) -> PointNavigation:
        """The distribution; options are those of its constructor, and replace the published ones."""
        own = {k: v for k, v in options.items() if k != "num_threads"}
        if strange := own.keys() - {"horizon", "action_scale"}:
            raise ValueError(f"a point has no {', '.join(sorted(strange))}: expected horizon or action_scale")
        return PointNavigation(**(self.arguments | own))


def contact_forces(body: Body) -> Tensor:
    """External forces and torques on every body, clipped to [-1, 1], [W, 6 nbody]; as of the last substep's start."""
    return body.field("cfrc_ext").flatten(1).clamp(-1, 1)


def with_bonus(reward: Reward, amount: float) -> Reward:
    """A reward plus a constant."""
    return lambda motion, task: reward(motion, task) + amount


def speed_range(low: float, high: float) -> tuple[Variable, ...]:
    """Target speeds in [low, high] m/s."""
    return (Variable("velocity", ((low, high),)),)


def cat(*parts: Tensor) -> Tensor:
    """Parts [W, ...] of an observation side by side, [W, O]."""
    return torch.cat(parts, 1)
