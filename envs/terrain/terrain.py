"""A ground in a model: what every kind of terrain offers, and the floor that it replaces.

All worlds share one model; the shape of the ground is a parameter of each world. Every ground starts with a flat square
at height 0 around the origin and continues as a plane where its shape ends. Difficulty is a number in [0, 1]; 0 is
flat. Random grounds are a function of their `layout`, a number in [0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import mujoco
import numpy as np
from torch import Tensor

from envs.core import Task
from envs.simulation.params import Params

PREFIX = "terrain_"  # of the names of geoms and height fields
PAD = 1.0  # m, half width of the flat start

Surface = Callable[[Tensor], Tensor]
"""Places [W, 1 or 2] in m -> nominal height of the ground there, [W] in m."""


class Terrain(Protocol):
    """A ground: what it adds to the model, and what it sets in each world."""

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add its geoms."""

    def apply(self, params: Params, task: Task) -> None:
        """Set the shape of the ground of each world."""

    def surface(self, task: Task) -> Surface | None:
        """Its nominal height, on the device of the task's numbers; None where it is 0 everywhere."""


def floor_id(model: mujoco.MjModel) -> int:
    """The plane that a robot stands on; raises ValueError for a model without one."""
    planes = np.flatnonzero((model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE) & (model.geom_bodyid == 0))
    if not len(planes):
        raise ValueError("the model has no floor: terrain needs a plane in its worldbody")
    return int(planes[0])


def floor_geom(spec: mujoco.MjSpec) -> mujoco.MjsGeom:
    """The plane that a robot stands on, in an editable model."""
    return next(g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE)


def copy_floor(geom: mujoco.MjsGeom, spec: mujoco.MjSpec) -> None:
    """Give a geom the contact parameters and the looks of the floor."""
    floor = floor_geom(spec)
    for name in ("contype", "conaffinity", "condim", "priority", "margin", "gap", "solmix"):
        setattr(geom, name, getattr(floor, name))
    for name in ("friction", "solref", "solimp", "rgba"):
        setattr(geom, name, np.array(getattr(floor, name)))
    geom.material = floor.material
