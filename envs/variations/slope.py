"""Slope: the ground as an infinite incline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.anatomy.anatomy import Anatomy
    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params


def tilt_gravity(params: Params, task: Task, robot: type[Robot]) -> None:
    """An incline that rises by `slope_deg` towards `slope_heading_deg` (+x if that does not vary).

    Gravity is rotated instead of the floor, which is exact: the simulation runs in the frame of the slope, and a
    policy that only observes its own body cannot observe the slope.
    """
    import torch

    angle = torch.deg2rad(task["slope_deg"])
    heading = torch.deg2rad(task["slope_heading_deg"]) if "slope_heading_deg" in task else torch.zeros_like(angle)
    down = torch.stack([-angle.sin() * heading.cos(), -angle.sin() * heading.sin(), -angle.cos()], 1)  # [W, 3]
    params["opt.gravity"] = down * -params["opt.gravity"][:, 2:]


def why_idle(model: mujoco.MjModel, anatomy: Anatomy) -> str | None:
    """Without gravity there is no slope."""
    import mujoco

    off = model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY
    return "the model has no gravity" if off or not model.opt.gravity.any() else None


VARIATIONS = (
    Variation(
        "slope_deg",
        "terrain",
        "deg",
        -60,
        60,
        "an incline that rises by this angle",
        options=("slope_heading_deg",),
        apply=tilt_gravity,
        idle=why_idle,
    ),
    Variation(
        "slope_heading_deg",
        "terrain",
        "deg",
        -360,
        360,
        "direction in which the incline rises, from +x",
        needs=("plane",),
    ),
)
