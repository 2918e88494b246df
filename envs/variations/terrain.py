"""Terrain: the ground under the robot."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.simulation import Simulator

GRAVITY = 9.81  # m/s^2


def slope_deg(sim: Simulator, degrees: Tensor) -> None:
    """An infinite incline that rises towards +x by `degrees` [W].

    Gravity is rotated instead of the floor, which is exact: everything happens in the frame of the slope, and a
    policy that sees only its own body cannot see it.
    """
    angle = torch.deg2rad(degrees)
    gravity = torch.stack([-angle.sin(), torch.zeros_like(angle), -angle.cos()], 1) * GRAVITY  # [W, 3]
    sim.set_params("opt.gravity", gravity)
