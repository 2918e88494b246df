"""A robot on its ground, with what a film adds: the model that is drawn, and where it is seen from."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.added import original
from envs.anatomy.floor import Floor, find_floor
from envs.locomotion import marks
from envs.locomotion.decor import decorate, post_spacing, set_scale, tile_of
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import Aim
from envs.robots.models import compile_quietly
from envs.robots.robot import Robot

Pose = NDArray[np.float64]
_NO_AIM = Aim()


class Scene:
    """The family's own model with scenery, in the pose and on the ground of one world."""

    def __init__(self, family: Locomotion, width: int = 640, height: int = 480) -> None:
        self.family = family
        self.root = family.anatomy.root
        level = _level_surface(family.robot)
        self.ground = level.height if level else 0.0  # m
        self.floor: int | None = None
        self.distance = _distance(family)
        self.model = self._model(level, width, height)
        self.data = mujoco.MjData(self.model)
        self.over = _over(family) + 0.07 * self.distance  # m from its middle up to the arrow

    def _model(self, level: Floor | None, width: int, height: int) -> mujoco.MjModel:
        spec = self.family.spec()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
        floor = original(spec.geoms, level.geom) if level else None
        decorate(spec, floor, self.distance)
        model = compile_quietly(spec)
        set_scale(model, self.distance)
        self.floor = floor.id if floor else None
        return model

    def pose(self, world: mujoco.MjModel, qpos: Pose) -> None:
        """Copy what `world` changed of the model's geometry, and set the pose qpos [nq]."""
        drawn = None if self.floor is None else self.model.geom_size[self.floor].copy()
        for name in ("geom_pos", "geom_size", "geom_dataid", "body_pos"):
            values = getattr(world, name)
            getattr(self.model, name)[: len(values)] = values
        if drawn is not None and self._is_plane():
            self.model.geom_size[self.floor] = drawn
        self.data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        self._move_scenery_along()

    def _is_plane(self) -> bool:
        return bool(self.model.geom_type[self.floor] == mujoco.mjtGeom.mjGEOM_PLANE)

    def _move_scenery_along(self) -> None:
        """Draw a plane and posts around the robot, moved by whole periods of their patterns: planes have no end."""
        if self.floor is None:
            return
        if self._is_plane():
            axes = self.data.geom_xmat[self.floor].reshape(3, 3)[:, :2]
            period = 2 * tile_of(self.distance)
            away = axes.T @ (self.middle - self.data.geom_xpos[self.floor])
            self.data.geom_xpos[self.floor] += axes @ (period * (away / period).round())
        start, others = (self.model.geom_bodyid == self.model.nbody - k for k in (2, 1))
        x, y, _ = self.family.anatomy.start
        self.data.geom_xpos[start, 0] += x
        self.data.geom_xpos[start | others, 1] += y
        spacing = post_spacing(self.distance)
        self.data.geom_xpos[others, 0] += spacing * (self.middle[0] / spacing).round()
        self.data.geom_xpos[start | others, 2] += self.ground

    def place(self, world: mujoco.MjModel, qpos: Pose) -> Pose:
        """Where the robot is in the pose qpos [nq] of a world, [3] m."""
        self.pose(world, qpos)
        place: Pose = self.data.xpos[self.root].copy()
        return place

    def between(self, start: Pose, end: Pose, share: float) -> Pose:
        """The pose [nq] at a share of the way from one pose to another."""
        moved, pose = np.zeros(self.model.nv), start.copy()
        mujoco.mj_differentiatePos(self.model, moved, 1.0, start, end)
        mujoco.mj_integratePos(self.model, pose, moved, share)
        return pose

    @property
    def middle(self) -> Pose:
        """The robot's centre of mass, [3] m."""
        middle: Pose = self.data.subtree_com[self.root]
        return middle

    def camera(self, aim: Aim = _NO_AIM, *, inclined: bool = False) -> mujoco.MjvCamera:
        """A camera beside planar robots, and to the front right of others; it sees the goal too, and the horizon where
        the ground is inclined.
        """
        robot = self.family.robot
        x, y, z = self.middle
        climbs = self.family.terrain is not None
        camera = mujoco.MjvCamera()
        camera.lookat[:] = [
            x,
            self.family.anatomy.start[1] if robot.is_planar() else y,
            z if climbs else self._height(),
        ]
        camera.distance = self.distance * (1.3 if climbs else 1.0)
        camera.azimuth = 90.0 if robot.is_planar() else 110.0
        camera.elevation = (
            (-18.0 if climbs else -12.0) if robot.is_planar() else (-38.0 if climbs else -18.0 if inclined else -24.0)
        )
        if aim.place is not None:
            place = np.array(self._in_world(aim.place))
            camera.lookat[:2] = (self.middle[:2] + place) / 2
            camera.distance += 0.8 * float(np.linalg.norm(self.middle[:2] - place))
            camera.elevation = -35.0
        return camera

    def _height(self) -> float:
        robot = self.family.robot
        return self.ground + (robot.camera_height if _states_camera(robot) else 0.12 * self.distance)

    def _in_world(self, place: tuple[float, float]) -> tuple[float, float]:
        """A place that is measured from the start."""
        x, y, _ = self.family.anatomy.start
        return place[0] + x, place[1] + y

    def mark(self, scene: mujoco.MjvScene, aim: Aim) -> None:
        """Draw what the task asks for into a scene of this pose."""
        if aim.place is not None:
            aim = aim._replace(place=self._in_world(aim.place))
        marks.draw(scene, aim, self.middle + np.array([0.0, 0.0, self.over]), self.ground, self.distance)


def _level_surface(robot: type[Robot]) -> Floor | None:
    """The floor of a robot, or what lies below one that touches nothing; `geom` is its index in the bare model."""
    own = robot.understood()
    if own.anatomy.floor is not None:
        return own.anatomy.floor
    data = mujoco.MjData(own.model)
    mujoco.mj_kinematics(own.model, data)
    others = ~np.isin(own.model.geom_bodyid, own.anatomy.bodies)
    return find_floor(own.model, data, others, own.anatomy.root, None)


def _states_camera(robot: type[Robot]) -> bool:
    """Whether a robot says where it is filmed from."""
    return any("camera_distance" in vars(c) for c in robot.__mro__ if c is not Robot)


def _distance(family: Locomotion) -> float:
    """Distance of the camera in m: the robot's own, or four times its size."""
    if _states_camera(family.robot):
        return family.robot.camera_distance
    low, high = _bounds(family)
    return 4.0 * max(float(np.linalg.norm(high - low)) / 2, 1e-3)


def _over(family: Locomotion) -> float:
    """Height of the top of the robot over its middle in the model's own pose, m."""
    return float(_bounds(family)[1][2])


def _bounds(family: Locomotion) -> tuple[Pose, Pose]:
    """The corners of the box around the robot, from its centre of mass, m."""
    model, data = family.model, mujoco.MjData(family.model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mine = np.flatnonzero(np.isin(model.geom_bodyid, family.anatomy.bodies))
    axes = data.geom_xmat[mine].reshape(-1, 3, 3)
    centre = data.geom_xpos[mine] + np.einsum("gij,gj->gi", axes, model.geom_aabb[mine, :3])
    half = np.einsum("gij,gj->gi", np.abs(axes), model.geom_aabb[mine, 3:])
    if not len(mine):
        return np.full(3, -0.5), np.full(3, 0.5)
    middle = data.subtree_com[family.anatomy.root]
    return (centre - half).min(0) - middle, (centre + half).max(0) - middle
