"""A ground in a model: what every kind of terrain offers, and the floor that it replaces.

All worlds share one model; the shape of the ground is a parameter of each world. Every ground starts with a flat square
at the height of the floor around the start of the robot and continues as a plane where its shape ends. Difficulty is a
number in [0, 1]; 0 is flat. Random grounds are a function of their `layout`, a number in [0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import mujoco
import numpy as np
from torch import Tensor

from envs.anatomy.names import PREFIX, TERRAIN
from envs.core import Task
from envs.simulation.params import Params

__all__ = ["PAD", "TERRAIN", "Heights", "Site", "Surface", "Terrain", "like_floor"]

PAD = 1.0  # m, half width of the flat start

Surface = Callable[[Tensor], Tensor]
"""Places [W, 1 or 2] in m, from the start -> nominal height of the ground there over the floor, [W] in m."""


Heights = Callable[[Tensor], Tensor]
"""Places [W, H, 2] in m, from the start -> height of the ground there over the floor, [W, H] in m."""


class Site(NamedTuple):
    """Where a ground is built: the floor that it replaces, in an editable model, and the robot's start on it, m."""

    floor: mujoco.MjsGeom
    centre: tuple[float, float, float]  # x and y of the start, and the height of the floor
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)  # the vertical in the frame of the body of the floor

    def lower(self, depth: float) -> None:
        """Lower the floor by some m; frames of the model may turn that into another direction."""
        self.floor.pos = np.asarray(self.floor.pos) - depth * np.array(self.up)


class Terrain(Protocol):
    """A ground: what it adds to the model, and what it sets in each world."""

    def prepare(self, spec: mujoco.MjSpec, site: Site | None) -> None:
        """Add its geoms; `site` is None for a robot without a floor."""

    def apply(self, params: Params, task: Task) -> None:
        """Set the shape of the ground of each world."""

    def surface(self, task: Task) -> Surface | None:
        """Its nominal height, on the device of the task's numbers; None where it is 0 everywhere.

        It has no jumps: stairs are a ramp, gaps and obstacles are level.
        """

    def heights(self, task: Task) -> Heights:
        """Its height as it is, on that device."""


def like_floor(geom: mujoco.MjsGeom, spec: mujoco.MjSpec, floor: mujoco.MjsGeom) -> None:
    """Give a geom of the ground the contacts and the looks of the floor: masks, explicit pairs, exclusions."""
    for name in ("contype", "conaffinity", "condim", "priority", "margin", "gap", "solmix"):
        setattr(geom, name, getattr(floor, name))
    for name in ("friction", "solref", "solimp", "rgba"):
        setattr(geom, name, np.array(getattr(floor, name)))
    geom.material = floor.material
    own_pairs = [p for p in spec.pairs if not p.name.startswith(PREFIX)]
    for pair in [p for p in own_pairs if floor.name and floor.name in (p.geomname1, p.geomname2)]:
        other = pair.geomname2 if pair.geomname1 == floor.name else pair.geomname1
        label = pair.name or "-".join(g.name for g in spec.geoms if g.name in (floor.name, other))
        own = spec.add_pair(name=f"{geom.name}/{label}", geomname1=geom.name, geomname2=other)
        for name in ("condim", "margin", "gap"):
            setattr(own, name, getattr(pair, name))
        for name in ("friction", "solref", "solreffriction", "solimp"):
            setattr(own, name, np.array(getattr(pair, name)))


def share_exclusions(spec: mujoco.MjSpec, floor: mujoco.MjsGeom) -> None:
    """What is excluded from touching the body of the floor does not touch the ground, which belongs to the world."""
    body = floor.parent.name
    if body in ("", "world"):
        return
    for exclude in [e for e in spec.excludes if body in (e.bodyname1, e.bodyname2)]:
        other = exclude.bodyname2 if exclude.bodyname1 == body else exclude.bodyname1
        spec.add_exclude(name=f"{PREFIX}exclude_{other}", bodyname1="world", bodyname2=other)
