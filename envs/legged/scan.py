"""A scan of the ground around a robot."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.terrain.terrain import Heights

AHEAD = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)  # m, in the heading of the base; chosen: a body's length each way
ASIDE = (-0.3, -0.15, 0.0, 0.15, 0.3)  # m
POINTS = len(AHEAD) * len(ASIDE)  # H


def scan(heights: Heights | None, place: Tensor, yaw: Tensor, below: Tensor | None) -> Tensor:
    """Heights of the ground around places [W, 2], m from the start, over the nominal one below the base [W], m: [W, H].

    heights: of the ground of every world; None where it is level.
    """
    if heights is None:
        return place.new_zeros(len(place), POINTS)
    grid = torch.cartesian_prod(torch.tensor(AHEAD), torch.tensor(ASIDE)).to(place)  # [H, 2]
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    x = place[:, :1] + cos * grid[:, 0] - sin * grid[:, 1]  # [W, H]
    y = place[:, 1:] + sin * grid[:, 0] + cos * grid[:, 1]
    around = heights(torch.stack([x, y], 2))
    return around if below is None else around - below[:, None]
