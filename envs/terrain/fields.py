"""Ground made of height fields, of which each world chooses one.

Contacts on height fields differ between simulators, unlike those on boxes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.anatomy.added import add_geom
from envs.core import Task
from envs.simulation.params import Params
from envs.terrain.terrain import PAD, TERRAIN, Heights, Site, Surface, like_floor, share_exclusions
from envs.variables import parity_index

GRADES = 11  # difficulty is rounded to tenths
LAYOUTS = 8  # even ones for training, odd ones for testing
CELL = 0.2  # m
HAIR = 1e-6  # m that do not matter
BELOW = 1e-2  # m of the plane below a height field's lowest point

Floats = NDArray[np.float64]
MakeHeights = Callable[[np.random.Generator, Floats, Floats], Floats]
"""Random numbers, x [columns] and y [rows] in m -> heights [rows, columns] in [0, 1]."""


class HeightFields(NamedTuple):
    """A set of height fields, and how a task chooses among them."""

    heights: Floats  # [F, rows (y), columns (x)] in m, at least 0
    reach: tuple[float, float]  # m, half widths along x and y
    choose: Callable[[Task], Tensor]  # -> [W] which of the F


def height_fields(name: str, make: MakeHeights, *, full_height: float, ease: float, planar: bool) -> HeightFields:
    """Fields of every difficulty and layout: 80 m x 1.6 m for planar robots, 24 m x 24 m for others.

    name: the variable that holds the difficulty. full_height: m at difficulty 1. ease: m over which the shape fades in
    around the flat start and out at the rim.
    """
    reach = (40.0, 0.8) if planar else (12.0, 12.0)
    columns, rows = (round(2 * r / CELL) + 1 for r in reach)
    x, y = np.linspace(-reach[0], reach[0], columns), np.linspace(-reach[1], reach[1], rows)
    edge = np.abs(x)[None] if planar else np.maximum(np.abs(x)[None], np.abs(y)[:, None])
    fade = np.clip((edge - PAD) / ease, 0, 1) * np.clip((reach[0] - edge) / ease, 0, 1)  # flat start, flat rim
    shapes = np.stack([make(np.random.Generator(np.random.PCG64(i)), x, y) * fade for i in range(LAYOUTS)])
    grades = np.linspace(0, full_height, GRADES)[:, None, None, None] * shapes  # [grades, layouts, rows, columns]

    def choose(task: Task) -> Tensor:
        grade = (task[name] * (GRADES - 1)).round().long()
        return grade * LAYOUTS + parity_index(task["layout"], LAYOUTS)

    return HeightFields(grades.reshape(-1, rows, columns), reach, choose)


def bumps(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """Independent heights in every cell."""
    heights: Floats = rng.random((len(y), len(x)))
    return heights


def waves(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """A sum of eight waves 3 to 6 m long in random directions, scaled to [0, 1]."""
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 8))
    number = 2 * np.pi / rng.uniform(3, 6, 8)
    along = np.cos(angle) * x[None, :, None] + np.sin(angle) * y[:, None, None]  # [rows, columns, 8]
    height = np.sin(number * along + phase).sum(2)
    lowest, highest = height.min(), height.max()
    scaled: Floats = (height - lowest) / (highest - lowest)
    return scaled


class FieldTerrain:
    """A ground of height fields."""

    def __init__(self, fields: HeightFields) -> None:
        self.fields = fields
        self._heights = torch.from_numpy(fields.heights)

    def prepare(self, spec: mujoco.MjSpec, site: Site | None) -> None:
        if site is None:
            raise ValueError("a ground of height fields replaces the floor, but the model has none: add a plane")
        for i, heights in enumerate(self.fields.heights):
            top = float(heights.max())
            spec.add_hfield(
                name=f"{TERRAIN}{i}",
                nrow=heights.shape[0],
                ncol=heights.shape[1],
                size=[*self.fields.reach, max(top, 1e-3), 0.1],
                userdata=(heights / (top or 1.0)).astype(np.float32).ravel(),
            )
        geom = add_geom(
            spec.worldbody,
            name=f"{TERRAIN}0",
            type=mujoco.mjtGeom.mjGEOM_HFIELD,
            hfieldname=f"{TERRAIN}0",
            pos=list(site.centre),
        )
        like_floor(geom, spec, site.floor)
        share_exclusions(spec, site.floor)
        site.lower(BELOW)  # only reached beyond the field

    def apply(self, params: Params, task: Task) -> None:
        floor, level = params.anatomy.floor, params.anatomy.start[2] - BELOW
        if floor is not None and abs(floor.height - level) > HAIR:  # in a frame that turned the way down
            away = (level - floor.height) * torch.tensor(floor.up, dtype=torch.float64)
            params["geom_pos"][:, floor.geom] += away
        params["geom_dataid"][:, params.model.geom(f"{TERRAIN}0").id] = self.fields.choose(task).to(torch.int32)

    def heights(self, task: Task) -> Heights:
        def heights(place: Tensor) -> Tensor:
            each = {name: column.repeat_interleave(place.shape[1]) for name, column in task.items()}
            return self.surface(each)(place.flatten(0, 1)).view(place.shape[:2])

        return heights

    def surface(self, task: Task) -> Surface:
        chosen = self.fields.choose(task)
        heights, reach = self._heights.to(chosen.device), self.fields.reach
        rows, columns = heights.shape[1:]

        def surface(place: Tensor) -> Tensor:
            x = (place[:, 0] / reach[0] + 1) / 2 * (columns - 1)
            y = (place[:, 1] / reach[1] + 1) / 2 * (rows - 1) if place.shape[1] > 1 else torch.full_like(x, rows // 2)
            x, y = x.clamp(0, columns - 1.001), y.clamp(0, rows - 1.001)
            i, j = y.long(), x.long()
            v, u = y - i, x - j
            start, end = (
                heights[chosen, i, j],
                heights[chosen, i + 1, j + 1],
            )  # MuJoCo splits a cell along this diagonal
            by_x, by_y = heights[chosen, i, j + 1], heights[chosen, i + 1, j]
            below = start + u * (by_x - start) + v * (end - by_x)
            above = start + v * (by_y - start) + u * (end - by_y)
            return torch.where(u > v, below, above)

        return surface
