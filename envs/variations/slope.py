"""Slopes: the ground as an infinite incline."""

from __future__ import annotations

import torch

from envs.variations.goals import Task
from envs.variations.params import Params


def apply(params: Params, task: Task) -> None:
    """An incline that rises by `slope_deg` towards `slope_heading_deg` (+x if that does not vary).

    Gravity is rotated instead of the floor, which is exact: everything happens in the frame of the slope, and a
    policy that sees only its own body cannot see it.
    """
    angle = torch.deg2rad(task["slope_deg"])
    heading = torch.deg2rad(task["slope_heading_deg"]) if "slope_heading_deg" in task else torch.zeros_like(angle)
    down = torch.stack([-angle.sin() * heading.cos(), -angle.sin() * heading.sin(), -angle.cos()], 1)  # [W, 3]
    params["opt.gravity"] = down * -params["opt.gravity"][:, 2:]
