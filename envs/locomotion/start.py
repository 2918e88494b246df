"""Places measured from where a robot starts, which may be off the world's origin."""

from __future__ import annotations

from functools import wraps

import torch
from torch import Tensor

from envs.anatomy.anatomy import Anatomy
from envs.core import Task
from envs.robots.robot import Robot
from envs.variations.variation import Motion, Reward


def origin_of(robot: type[Robot], anatomy: Anatomy) -> Tensor | None:
    """What a robot tells of its place at the start, [2] m; None where that is 0."""
    shift = anatomy.shift if robot.tells_stock_position() else (0.0, 0.0, 0.0)
    x, y = anatomy.start[0] - shift[0], anatomy.start[1] - shift[1]
    return torch.tensor([x, y], dtype=torch.float64) if x or y else None


def from_start(place: Tensor, origin: Tensor | None) -> Tensor:
    """Places [W, 1 or 2] as a robot tells them, from its start, m."""
    return place if origin is None else place - origin[: place.shape[1]].to(place)


def rewarded_from_start(reward: Reward, origin: Tensor | None) -> Reward:
    """The reward of a goal, whose places are measured from the start."""
    if origin is None:
        return reward

    @wraps(reward)
    def measured(motion: Motion, task: Task) -> Tensor:
        return reward(motion._replace(position=from_start(motion.position, origin)), task)

    return measured
