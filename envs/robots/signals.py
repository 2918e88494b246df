"""What each number of an observation is: its name, its unit, and how it is scaled."""

from __future__ import annotations

from typing import NamedTuple

import mujoco

from envs.anatomy.anatomy import Anatomy
from envs.anatomy.names import label

JOINT, ACTUATOR = mujoco.mjtObj.mjOBJ_JOINT, mujoco.mjtObj.mjOBJ_ACTUATOR
FREE, BALL, SLIDE, HINGE = range(4)  # mujoco.mjtJoint
AXES, PARTS = "xyz", "wxyz"


class Signal(NamedTuple):
    """The number in the observation is scale * (what is measured in `unit` - offset)."""

    name: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


def positions(model: mujoco.MjModel) -> list[Signal]:
    """Of every entry of qpos."""
    found: list[Signal] = []
    for j in range(model.njnt):
        name, kind = label(model, JOINT, j, "joint"), int(model.jnt_type[j])
        if kind == FREE:
            found += [Signal(f"{name} position {axis}", "m") for axis in AXES]
        if kind in (FREE, BALL):
            found += [Signal(f"{name} quaternion {part}") for part in PARTS]
        if kind in (SLIDE, HINGE):
            found.append(Signal(f"{name} position", "m") if kind == SLIDE else Signal(f"{name} angle", "rad"))
    return found


def velocities(model: mujoco.MjModel) -> list[Signal]:
    """Of every entry of qvel; of a free joint the linear ones are in the world's frame, the angular ones in its own."""
    found: list[Signal] = []
    for j in range(model.njnt):
        name, kind = label(model, JOINT, j, "joint"), int(model.jnt_type[j])
        if kind == FREE:
            found += [Signal(f"{name} velocity {axis}", "m/s") for axis in AXES]
        if kind in (FREE, BALL):
            found += [Signal(f"{name} angular velocity {axis}", "rad/s") for axis in AXES]
        if kind in (SLIDE, HINGE):
            found.append(Signal(f"{name} velocity", "m/s" if kind == SLIDE else "rad/s"))
    return found


def stock_signals(model: mujoco.MjModel, anatomy: Anatomy) -> tuple[Signal, ...]:
    """Of what a robot observes that does not say otherwise: positions but where it is, velocities, activations."""
    at = positions(model)
    if anatomy.height is not None:
        at[anatomy.height] = Signal(f"{at[anatomy.height].name}, above the ground", "m")
    own = [signal for piece in anatomy.observed for signal in at[piece]]
    muscles = [Signal(f"activation {i}") for i in range(model.na)]
    return tuple(own + velocities(model) + muscles)
