"""Grounds with a shape: boxes that each world places for itself, and height fields of which each world chooses one.

All worlds share one model; where its boxes lie and which height field it shows are parameters of each world. Every
ground starts with a flat pad at height 0 around the origin, and goes on as a plane where its shape ends. Difficulty is
a number in [0, 1]; 0 is flat. What is random about a ground is a function of its `layout`, a number in [0, 1).

Axes: `W` worlds, `K` boxes or rings of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.variables import draw_number, hashed_uniforms, parity_index
from envs.variations.dynamics import GROUND
from envs.variations.goals import Task
from envs.variations.params import Params

PAD = 1.0  # m, half width of the flat start
FAR = 60.0  # m, where boxes end that go on
LANE = 0.5  # m, half width of the boxes for planar bodies: narrow, so that a camera sees them from the side
STEP_HEIGHT = 0.2  # m at difficulty 1: the upper end of stairs for people
STEP_DEPTH = 0.31  # m (legged_gym, Rudin et al. 2022)
NUM_STEPS = 12
OBSTACLE_HEIGHT = 0.25  # m at difficulty 1 (legged_gym's)
OBSTACLES_ALONG, OBSTACLE_LANE = 20, 10.0  # how many for planar bodies, within how many m; chosen: one in 1 m
OBSTACLES_AROUND, OBSTACLE_FIELD = 60, 6.0  # for other bodies; chosen: two in 5 m^2 (legged_gym: 20 in 64 m^2)
GAP_WIDTH = 0.6  # m at difficulty 1; chosen: beyond the stride of the smaller bodies
PIT_DEPTH = 1.0  # m
PLANE_BELOW = 1.0  # m of the plane below the lowest step, so that no foot touches both
BURIED = 20.0  # m of what shall not be met
NUM_PLATFORMS = 12
ROUGH_HEIGHT = 0.2  # m at difficulty 1
HILL_HEIGHT = 1.0  # m at difficulty 1

Floats = NDArray[np.float64]
Surface = Callable[[Tensor], Tensor]
"""Places [W, 1 or 2] in m -> nominal height of the ground there, [W] in m."""


class Boxes(NamedTuple):
    """Boxes of each world, and the height of the plane below them."""

    centre: Tensor  # [W, K, 3]
    half: Tensor  # [W, K, 3] half sizes
    plane: Tensor  # [W]


class Ground(NamedTuple):
    """One kind of ground: how many boxes it takes, where they lie, and its nominal height."""

    num_boxes: Callable[[bool], int]  # planar -> K
    boxes: Callable[[Tensor, Tensor, bool], Boxes]  # difficulty [W], layout [W], planar
    surface: Callable[[Tensor], Surface] | None  # difficulty [W] -> heights; None where it is nominally flat
    is_random: bool


def rings(inner: Tensor, outer: Tensor, top: Tensor, plane: Tensor, planar: bool) -> Boxes:
    """Square rings from half width `inner` to `outer` [W, K] whose tops lie at `top` [W, K].

    A ring is four boxes, or for bodies that only move along x the two that they can meet. Boxes reach to the plane.
    Where `inner` is 0 two of them make the whole square, and the other two are buried.
    """
    middle, thick = (inner + outer) / 2, (outer - inner) / 2
    height = (top - plane[:, None]) / 2
    zero, wide = torch.zeros_like(middle), torch.full_like(middle, LANE) if planar else outer
    sides = [(middle, zero, top - height, thick, wide), (-middle, zero, top - height, thick, wide)]
    if not planar:
        narrow = inner.clamp(min=1e-2)
        level = torch.where(inner > 0, top - height, plane[:, None] - BURIED)
        sides += [(zero, middle, level, narrow, thick), (zero, -middle, level, narrow, thick)]
    centre = torch.cat([torch.stack([x, y, z], 2) for x, y, z, _, _ in sides], 1)
    half = torch.cat([torch.stack([a, b, height], 2) for _, _, _, a, b in sides], 1)
    return Boxes(centre, half, plane)


def stairs(sign: int) -> Callable[[Tensor, Tensor, bool], Boxes]:
    """Steps that rise (+1) or fall (-1) all around, then go on level."""

    def boxes(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
        height = STEP_HEIGHT * difficulty[:, None]
        step = torch.arange(NUM_STEPS + 1, dtype=torch.float64)[None].expand(len(difficulty), -1)  # 0 is the pad
        inner = torch.where(step == 0, 0.0, PAD + (step - 1) * STEP_DEPTH)
        outer = PAD + step * STEP_DEPTH
        outer[:, -1] = FAR
        top = sign * height * step
        return rings(inner, outer, top, top.amin(1) - PLANE_BELOW, planar)

    return boxes


def stairs_surface(sign: int) -> Callable[[Tensor], Surface]:
    """The ramp through the middles of the steps, so that a body's height over the ground does not jump."""

    def of(difficulty: Tensor) -> Surface:
        def surface(place: Tensor) -> Tensor:
            steps = ((place.abs().amax(1) - PAD) / STEP_DEPTH + 0.5).clamp(0, NUM_STEPS)
            return sign * STEP_HEIGHT * difficulty * steps

        return surface

    return of


def obstacles(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
    """Blocks of 0.2 to 1 m, scattered around the start; 30 to 100 % of the full height."""
    u = uniforms(layout, num_obstacles(planar), 5)  # [W, K, 5]
    half_x, half_y = 0.1 + 0.4 * u[..., 0], 0.1 + 0.4 * u[..., 1]
    height = OBSTACLE_HEIGHT * difficulty[:, None] * (0.3 + 0.7 * u[..., 2])
    nearest = PAD + 0.5  # m of a block's middle
    if planar:
        half_y = torch.full_like(half_y, LANE)
        away = nearest + (OBSTACLE_LANE - nearest) * u[..., 3]
        x, y = torch.where(u[..., 4] < 0.5, away, -away), torch.zeros_like(away)
    else:  # uniform over a square with a hole: farther out in proportion to the length of the ring there
        away = (nearest**2 + (OBSTACLE_FIELD**2 - nearest**2) * u[..., 3]).sqrt()
        around = 8 * u[..., 4]  # along the ring, whose sides have length 2
        x, y = away * _triangle(around), away * _triangle(around - 2)
    half_z = (height / 2).clamp(min=1e-3)
    z = torch.where(height > 0, height - half_z, -BURIED)  # at difficulty 0 there are none
    centre = torch.stack([x, y, z], 2)
    return Boxes(centre, torch.stack([half_x, half_y, half_z], 2), torch.zeros_like(difficulty))


def num_obstacles(planar: bool) -> int:
    return OBSTACLES_ALONG if planar else OBSTACLES_AROUND


def gaps(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
    """Platforms of 0.6 to 1.4 m with gaps between them over a pit; the last one goes on."""
    length = 0.6 + 0.8 * uniforms(layout, NUM_PLATFORMS, 1)[..., 0]  # [W, K]
    length[:, 0] = PAD
    gap = GAP_WIDTH * difficulty[:, None]
    inner = torch.nn.functional.pad((length + gap).cumsum(1)[:, :-1], (1, 0))
    outer = inner + length
    outer[:, -1] = FAR
    return rings(inner, outer, torch.zeros_like(inner), torch.full_like(difficulty, -PIT_DEPTH), planar)


def _triangle(t: Tensor) -> Tensor:
    """A wave of period 8 that is 1 on [-1, 1], falls to -1 at 3, stays until 5: a square's x along its edge."""
    return (2 - ((t + 4) % 8 - 4).abs()).clamp(-1, 1)


def uniforms(layout: Tensor, count: int, each: int) -> Tensor:
    """Numbers in [0, 1) for every layout [W], `[W, count, each]`."""
    return hashed_uniforms(draw_number(layout), count * each).view(-1, count, each)


def _ring_boxes(count: int) -> Callable[[bool], int]:
    return lambda planar: (2 if planar else 4) * count


BOXES: dict[str, Ground] = {
    "stairs_up": Ground(_ring_boxes(NUM_STEPS + 1), stairs(1), stairs_surface(1), is_random=False),
    "stairs_down": Ground(_ring_boxes(NUM_STEPS + 1), stairs(-1), stairs_surface(-1), is_random=False),
    "obstacles": Ground(num_obstacles, obstacles, None, is_random=True),
    "gaps": Ground(_ring_boxes(NUM_PLATFORMS), gaps, None, is_random=True),
}


class HeightFields(NamedTuple):
    """A stock of height fields, and how a task chooses among them."""

    heights: Floats  # [F, rows (y), columns (x)] in m, at least 0
    reach: tuple[float, float]  # m, half widths along x and y
    choose: Callable[[Task], Tensor]  # -> [W] which of the F


GRADES = 11  # difficulty is rounded to tenths
LAYOUTS = 8  # even ones for training, odd ones for testing
CELL = 0.2  # m


def height_fields(name: str, planar: bool) -> HeightFields:
    """The stock of `rough` or `hills`: 80 m x 1.6 m for planar bodies, 24 m x 24 m for others."""
    reach = (40.0, 0.8) if planar else (12.0, 12.0)
    columns, rows = (round(2 * r / CELL) + 1 for r in reach)
    x, y = np.linspace(-reach[0], reach[0], columns), np.linspace(-reach[1], reach[1], rows)
    edge = np.abs(x)[None] if planar else np.maximum(np.abs(x)[None], np.abs(y)[:, None])
    make, full, ease = (_bumps, ROUGH_HEIGHT, 0.4) if name == "rough" else (_waves, HILL_HEIGHT, 3.0)
    fade = np.clip((edge - PAD) / ease, 0, 1) * np.clip((reach[0] - edge) / ease, 0, 1)  # flat pad, flat rim
    shapes = np.stack([make(np.random.Generator(np.random.PCG64(i)), x, y) * fade for i in range(LAYOUTS)])
    grades = np.linspace(0, full, GRADES)[:, None, None, None] * shapes  # [grades, layouts, rows, columns]

    def choose(task: Task) -> Tensor:
        grade = (task[name] * (GRADES - 1)).round().long()
        return grade * LAYOUTS + parity_index(task["layout"], LAYOUTS)

    return HeightFields(grades.reshape(-1, rows, columns), reach, choose)


def _bumps(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    bumps: Floats = rng.random((len(y), len(x)))
    return bumps


def _waves(rng: np.random.Generator, x: Floats, y: Floats) -> Floats:
    """A sum of eight waves 3 to 6 m long in random directions, scaled to [0, 1]."""
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 8))
    number = 2 * np.pi / rng.uniform(3, 6, 8)
    along = np.cos(angle) * x[None, :, None] + np.sin(angle) * y[:, None, None]  # [rows, columns, 8]
    height = np.sin(number * along + phase).sum(2)
    lowest, highest = height.min(), height.max()
    waves: Floats = (height - lowest) / (highest - lowest)
    return waves


FIELDS = ("rough", "hills")
RANDOM = frozenset({name for name, ground in BOXES.items() if ground.is_random} | set(FIELDS))


class Terrain(Protocol):
    """A ground in a model: what it adds to the model, and what it sets in each world."""

    def prepare(self, spec: mujoco.MjSpec) -> None:
        """Add its geoms."""

    def apply(self, params: Params, task: Task) -> None:
        """Shape the ground of each world."""

    def surface(self, task: Task) -> Surface | None:
        """Its nominal height, on the device of the task's numbers, or None where that is 0."""


class BoxTerrain:
    """A ground of boxes by name (see `BOXES`)."""

    def __init__(self, name: str, planar: bool) -> None:
        self.name, self.planar, self.ground = name, planar, BOXES[name]

    def prepare(self, spec: mujoco.MjSpec) -> None:
        for i in range(self.ground.num_boxes(self.planar)):
            geom = spec.worldbody.add_geom(
                name=f"{PREFIX}{i}", type=mujoco.mjtGeom.mjGEOM_BOX, size=[1, 1, 1], pos=[0, 0, -10]
            )
            _like_floor(geom, spec)
        # MuJoCo takes a geom compiled at its body's origin to be there for ever: neither boxes nor plane may be
        _floor(spec).pos = np.asarray(_floor(spec).pos) - [0, 0, HAIR]

    def apply(self, params: Params, task: Task) -> None:
        difficulty = task[self.name]
        layout = task["layout"] if self.ground.is_random else torch.zeros_like(difficulty)
        boxes = self.ground.boxes(difficulty, layout, self.planar)
        first = params.model.geom(f"{PREFIX}0").id
        mine = slice(first, first + boxes.centre.shape[1])
        params["geom_pos"][:, mine] = boxes.centre
        params["geom_size"][:, mine] = boxes.half
        params["geom_pos"][:, floor_id(params.model), 2] += boxes.plane

    def surface(self, task: Task) -> Surface | None:
        return self.ground.surface(task[self.name]) if self.ground.surface else None


class FieldTerrain:
    """A ground of height fields. Contacts on them differ between simulators, unlike those on boxes."""

    def __init__(self, fields: HeightFields) -> None:
        self.fields = fields
        self._heights = torch.from_numpy(fields.heights)

    def prepare(self, spec: mujoco.MjSpec) -> None:
        for i, heights in enumerate(self.fields.heights):
            top = float(heights.max())
            spec.add_hfield(
                name=f"{PREFIX}{i}",
                nrow=heights.shape[0],
                ncol=heights.shape[1],
                size=[*self.fields.reach, max(top, 1e-3), 0.1],
                userdata=(heights / (top or 1.0)).astype(np.float32).ravel(),
            )
        geom = spec.worldbody.add_geom(
            name=f"{PREFIX}0", type=mujoco.mjtGeom.mjGEOM_HFIELD, hfieldname=f"{PREFIX}0", pos=[0, 0, 0]
        )
        _like_floor(geom, spec)
        _floor(spec).pos = np.asarray(_floor(spec).pos) - [0, 0, BELOW]  # only seen, and stood on, beyond the field

    def apply(self, params: Params, task: Task) -> None:
        params["geom_dataid"][:, params.model.geom(f"{PREFIX}0").id] = self.fields.choose(task).to(torch.int32)

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
            start, end = heights[chosen, i, j], heights[chosen, i + 1, j + 1]  # MuJoCo cuts a cell along this diagonal
            by_x, by_y = heights[chosen, i, j + 1], heights[chosen, i + 1, j]
            below = start + u * (by_x - start) + v * (end - by_x)
            above = start + v * (by_y - start) + u * (end - by_y)
            return torch.where(u > v, below, above)

        return surface


PREFIX = GROUND  # of the names of geoms and height fields
HAIR = 1e-6  # m
BELOW = 1e-2  # m of the plane below a height field's lowest point


def make_terrain(name: str, planar: bool) -> Terrain:
    """A ground by its name."""
    return BoxTerrain(name, planar) if name in BOXES else FieldTerrain(height_fields(name, planar))


def floor_id(model: mujoco.MjModel) -> int:
    """The plane that a robot stands on; raises ValueError for a model without one."""
    planes = np.flatnonzero((model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE) & (model.geom_bodyid == 0))
    if not len(planes):
        raise ValueError("the model has no floor (a plane in its worldbody), on which terrain could lie")
    return int(planes[0])


def _floor(spec: mujoco.MjSpec) -> mujoco.MjsGeom:
    return next(g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE)


def _like_floor(geom: mujoco.MjsGeom, spec: mujoco.MjSpec) -> None:
    """Touch and look like the floor."""
    floor = _floor(spec)
    for name in ("contype", "conaffinity", "condim", "priority", "margin", "gap", "solmix"):
        setattr(geom, name, getattr(floor, name))
    for name in ("friction", "solref", "solimp", "rgba"):
        setattr(geom, name, np.array(getattr(floor, name)))
    geom.material = floor.material
