"""Goals: what the robot is paid for. Each takes how the robot moved, and the numbers of its task, each [W]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Task = Mapping[str, Tensor]
TRACKING = 0.25  # (m/s)^2, width of the tracking reward (Rudin et al. 2022, table of rewards)


class Motion(NamedTuple):
    """Where a robot is and how it moved in one control step. Planar bodies have x alone."""

    position: Tensor  # [W, 1 or 2] m
    velocity: Tensor  # [W, 1 or 2] m/s


Goal = Callable[[Motion, Task], Tensor]


def direction(motion: Motion, task: Task) -> Tensor:
    """Run forwards (+1) or backwards (-1): direction * v_x (Finn et al. 2017, section 5.3)."""
    return task["direction"] * motion.velocity[:, 0]


def heading(motion: Motion, task: Task) -> Tensor:
    """Run along a heading: v . u (ProMP's two-dimensional ant, Rothfuss et al. 2019)."""
    return (motion.velocity * unit(task["heading_deg"])).sum(1)


def velocity(motion: Motion, task: Task) -> Tensor:
    """Run along x at a target speed in m/s: -|v_x - target| (Finn et al. 2017, section 5.3)."""
    return -(motion.velocity[:, 0] - task["velocity"]).abs()


def velocity_with_heading(motion: Motion, task: Task) -> Tensor:
    """Run at a target speed along a heading: exp(-|v - target u|^2 / 0.25), in (0, 1] (Rudin et al. 2022)."""
    target = task["velocity"][:, None] * unit(task["heading_deg"])
    return torch.exp(-(motion.velocity - target).square().sum(1) / TRACKING)


def place(motion: Motion, task: Task) -> Tensor:
    """Stand at (x, y): minus the distance in the 1-norm (PEARL's ant, Rakelly et al. 2019)."""
    goal = torch.stack([task["goal_x"], task["goal_y"]], 1)
    return -(motion.position - goal).abs().sum(1)


def polar_place(motion: Motion, task: Task) -> Tensor:
    """The same with the place given by distance and heading."""
    goal = task["goal_distance"][:, None] * unit(task["goal_heading_deg"])
    return -(motion.position - goal).abs().sum(1)


def unit(degrees: Tensor) -> Tensor:
    """Unit vectors [W, 2] of headings [W]."""
    angle = torch.deg2rad(degrees)
    return torch.stack([angle.cos(), angle.sin()], 1)


GOALS: dict[frozenset[str], Goal] = {
    frozenset({"direction"}): direction,
    frozenset({"heading_deg"}): heading,
    frozenset({"velocity"}): velocity,
    frozenset({"velocity", "heading_deg"}): velocity_with_heading,
    frozenset({"goal_x", "goal_y"}): place,
    frozenset({"goal_distance", "goal_heading_deg"}): polar_place,
}
NEEDS_A_PLANE = frozenset({"heading_deg", "goal_x", "goal_y", "goal_distance", "goal_heading_deg"})
