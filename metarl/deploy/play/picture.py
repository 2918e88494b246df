"""A robot on its ground as shapes to draw: what a browser is sent, without a browser.

Axes: `I` instances of a shape, `nq` coordinates of a pose.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.legged.worlds import LeggedWorlds
from envs.locomotion.decor import FLOOR
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import aim_of, commanded
from envs.locomotion.scene import Pose, Scene
from envs.locomotion.worlds import LocomotionWorlds

Shape = Literal["box", "sphere", "cylinder", "cone"]
Kind = mujoco.mjtGeom
SEEN = 3  # groups of geoms below this one are drawn, as MuJoCo does
MARKS = 8  # shapes that mark what a task asks for, at most
HEAD = 0.3  # of an arrow's length; chosen
UNPAINTED = (0.5, 0.5, 0.5, 1.0)  # the colour of a geom that has none of its own: that of its material is used
IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


class Instances(NamedTuple):
    """Copies of one shape."""

    position: NDArray[np.float64]  # [I, 3] m
    wxyz: NDArray[np.float64]  # [I, 4]
    scale: NDArray[np.float64]  # [I, 3]
    colour: NDArray[np.uint8]  # [I, 3]


class Surface(NamedTuple):
    """A geom with a mesh of its own."""

    geom: int
    asset: int
    is_field: bool  # a height field
    moves: bool
    position: NDArray[np.float64]  # [3] m
    wxyz: NDArray[np.float64]  # [4]
    colour: tuple[int, int, int]


class Frame(NamedTuple):
    """One picture, in the frame of the simulation."""

    shapes: dict[tuple[Shape, bool], Instances]  # by whether they move
    marks: dict[Shape, Instances]
    surfaces: list[Surface]
    floor: tuple[NDArray[np.float64], NDArray[np.float64]] | None  # place [3] and wxyz [4] of a plane
    middle: NDArray[np.float64]  # [3] m, of the robot
    upright: NDArray[np.float64]  # [4], turns the frame of the slope so that gravity points down


class Picture:
    """Draws poses of one world."""

    def __init__(self, family: Locomotion) -> None:
        self.scene = Scene(family)
        self.marks = mujoco.MjvScene(self.scene.model, MARKS)
        model = self.scene.model
        self._colour = _colours(model)
        seen = (model.geom_group < SEEN) & (self._colour[:, 3] > 0)
        self._moves = model.body_weldid[model.geom_bodyid] != 0
        self._seen = [int(g) for g in np.flatnonzero(seen) if model.geom_type[g] != Kind.mjGEOM_PLANE]

    @property
    def distance(self) -> float:
        """From where the robot is seen, m."""
        return self.scene.distance

    def draw(self, worlds: LocomotionWorlds, pose: Pose) -> Frame:
        """The first of some worlds in the pose qpos [nq], with marks of what its task and its command ask for."""
        model, data = self.scene.model, self.scene.data
        world, task = worlds.sim.mujoco_view(0)[0], worlds.task_of(0)
        if isinstance(worlds, LeggedWorlds):
            task = commanded(task, worlds.carried.command[0].cpu().numpy(), pose)
        self.scene.pose(world, pose)
        wxyz = _times(data.xquat[model.geom_bodyid], model.geom_quat)
        solid = [g for g in self._seen if model.geom_size[g].any() or model.geom_type[g] in _ASSETS]
        shapes: dict[tuple[Shape, bool], Instances] = {}
        for moves in (False, True):
            own = np.array([g for g in solid if self._moves[g] == moves], dtype=int)
            shapes |= {(shape, moves): parts for shape, parts in self._instances(own, wxyz).items()}
        self.marks.ngeom = 0
        self.scene.mark(self.marks, aim_of(task))
        gravity = world.opt.gravity
        return Frame(
            shapes,
            _marks(self.marks),
            [self._surface(g, wxyz[g]) for g in solid if model.geom_type[g] in _ASSETS],
            self._floor(wxyz),
            self.scene.middle.copy(),
            _upright(-gravity) if gravity.any() else IDENTITY,
        )

    def _instances(self, geoms: NDArray[np.int_], wxyz: NDArray[np.float64]) -> dict[Shape, Instances]:
        """Geoms as copies of shapes; a capsule is a cylinder and two spheres."""
        model, data = self.scene.model, self.scene.data
        kind, size = model.geom_type[geoms], model.geom_size[geoms]
        radius, half = size[:, :1], size[:, 1:2]
        ends = half * data.geom_xmat[geoms].reshape(-1, 3, 3)[:, :, 2]  # [g, 3] along the axis
        nowhere = np.zeros_like(ends)
        ball, tube = radius.repeat(3, 1), np.concatenate([radius, radius, half], 1)
        wanted: list[tuple[Shape, mujoco.mjtGeom, NDArray[np.float64], NDArray[np.float64]]] = [
            ("box", Kind.mjGEOM_BOX, nowhere, size),
            ("sphere", Kind.mjGEOM_SPHERE, nowhere, ball),
            ("sphere", Kind.mjGEOM_ELLIPSOID, nowhere, size),
            ("sphere", Kind.mjGEOM_CAPSULE, ends, ball),
            ("sphere", Kind.mjGEOM_CAPSULE, -ends, ball),
            ("cylinder", Kind.mjGEOM_CAPSULE, nowhere, tube),
            ("cylinder", Kind.mjGEOM_CYLINDER, nowhere, tube),
        ]
        parts: dict[Shape, list[Instances]] = {}
        for shape, which, moved, scale in wanted:
            if (own := kind == which).any():
                place, colour = data.geom_xpos[geoms[own]] + moved[own], _bytes(self._colour[geoms[own], :3])
                parts.setdefault(shape, []).append(Instances(place, wxyz[geoms[own]], scale[own], colour))
        return {shape: Instances(*map(np.concatenate, zip(*each, strict=True))) for shape, each in parts.items()}

    def _surface(self, geom: int, wxyz: NDArray[np.float64]) -> Surface:
        model = self.scene.model
        is_field = bool(model.geom_type[geom] == Kind.mjGEOM_HFIELD)
        red, green, blue = (int(c) for c in _bytes(self._colour[geom, :3]))
        place = self.scene.data.geom_xpos[geom].copy()
        return Surface(
            geom, int(model.geom_dataid[geom]), is_field, bool(self._moves[geom]), place, wxyz, (red, green, blue)
        )

    def _floor(self, wxyz: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        floor = self.scene.floor
        if floor is None or self.scene.model.geom_type[floor] != Kind.mjGEOM_PLANE:
            return None
        return self.scene.data.geom_xpos[floor].copy(), wxyz[floor]


_ASSETS = (int(Kind.mjGEOM_HFIELD), int(Kind.mjGEOM_MESH))


def _colours(model: mujoco.MjModel) -> NDArray[np.float64]:
    """Red, green, blue and opacity of every geom, [geoms, 4] from 0 to 1."""
    own = np.array(model.geom_rgba, dtype=np.float64)
    plain = np.isclose(own, UNPAINTED).all(1) & (model.geom_matid >= 0)
    own[plain] = model.mat_rgba[model.geom_matid[plain]]
    return own


def _bytes(colour: NDArray[np.float64]) -> NDArray[np.uint8]:
    return (255 * np.asarray(colour).clip(0, 1)).astype(np.uint8)


def floor_colours() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Of light and of dark tiles."""
    light, dark = (tuple(int(c) for c in _bytes(shade * np.array(FLOOR))) for shade in (1.0, 0.78))
    return light, dark  # type: ignore[return-value]  # three numbers each


def _marks(scene: mujoco.MjvScene) -> dict[Shape, Instances]:
    """What was marked, as copies of shapes; an arrow is a cylinder and a cone."""
    parts: dict[Shape, list[Instances]] = {}
    for geom in scene.geoms[: scene.ngeom]:
        axes = np.asarray(geom.mat, dtype=np.float64).reshape(3, 3)
        wxyz, colour = np.empty(4), _bytes(np.asarray(geom.rgba)[None, :3])
        mujoco.mju_mat2Quat(wxyz, axes.ravel())
        place, size = np.asarray(geom.pos, dtype=np.float64), np.asarray(geom.size, dtype=np.float64)
        each: list[tuple[Shape, NDArray[np.float64], NDArray[np.float64]]] = [("cylinder", place, size)]
        if geom.type == Kind.mjGEOM_SPHERE:
            each = [("sphere", place, size)]
        elif geom.type == Kind.mjGEOM_ARROW:
            wide, length = size[0], size[2]
            shaft, tip = (1 - HEAD) * length, HEAD * length
            each = [
                ("cylinder", place + shaft / 2 * axes[:, 2], np.array([wide, wide, shaft / 2])),
                ("cone", place + shaft * axes[:, 2], np.array([2 * wide, 2 * wide, tip])),
            ]
        for shape, at, scale in each:
            parts.setdefault(shape, []).append(Instances(at[None], wxyz[None], scale[None], colour))
    return {shape: Instances(*map(np.concatenate, zip(*each, strict=True))) for shape, each in parts.items()}


def _times(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of unit quaternions [g, 4]."""
    w, v = a[:, :1], a[:, 1:]
    s, u = b[:, :1], b[:, 1:]
    return np.concatenate([w * s - (v * u).sum(1, keepdims=True), w * u + s * v + np.cross(v, u)], 1)


def _upright(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotation that takes `up` to z, as wxyz."""
    x, y, z = up / np.linalg.norm(up)
    if z < -1 + 1e-9:
        return np.array([0.0, 1.0, 0.0, 0.0])
    q = np.array([1 + z, y, -x, 0.0])  # 1 + up . z, up cross z
    unit: NDArray[np.float64] = q / np.linalg.norm(q)
    return unit
