"""A scan of the ground around a robot."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Task
from envs.terrain.terrain import Surface, Terrain

AHEAD = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)  # m, in the heading of the base; chosen: a body's length each way
ASIDE = (-0.3, -0.15, 0.0, 0.15, 0.3)  # m
POINTS = len(AHEAD) * len(ASIDE)  # H


def scan_surface(terrain: Terrain | None, task: Task) -> Surface | None:
    """The ground of every world at `POINTS` places each, [W * H, 2]; None where its height is the same everywhere."""
    if terrain is None:
        return None
    return terrain.surface({name: column.repeat_interleave(POINTS) for name, column in task.items()})


def scan(surface: Surface | None, place: Tensor, yaw: Tensor, below: Tensor | None) -> Tensor:
    """Heights of the ground around places [W, 2], m from the start, over that below the base [W], m: [W, H]."""
    if surface is None or below is None:
        return place.new_zeros(len(place), POINTS)
    grid = torch.cartesian_prod(torch.tensor(AHEAD), torch.tensor(ASIDE)).to(place)  # [H, 2]
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    x = place[:, :1] + cos * grid[:, 0] - sin * grid[:, 1]  # [W, H]
    y = place[:, 1:] + sin * grid[:, 0] + cos * grid[:, 1]
    return surface(torch.stack([x, y], 2).flatten(0, 1)).view(x.shape) - below[:, None]
