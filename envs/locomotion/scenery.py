"""Rendering: the robot on ground that makes slope, terrain and motion visible. Nothing here affects the physics."""

from __future__ import annotations

import time

import glfw
import mujoco
import mujoco.viewer
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.names import TERRAIN
from envs.locomotion.family import Locomotion
from envs.robots.robot import compile_quietly

_TILE = 1.0  # m, side of a checker tile
_POST_EVERY = 5.0  # m between distance posts
_REACH = 60  # m along x in both directions, to which there are posts
Pose = NDArray[np.float64]


class Scene:
    """The family's own model with a sky, a tiled floor and posts, in the pose and on the ground of one world."""

    def __init__(self, family: Locomotion, width: int = 640, height: int = 480) -> None:
        self.family = family
        self.model = _model(family, width, height)
        self.data = mujoco.MjData(self.model)

    def pose(self, world: mujoco.MjModel, qpos: Pose) -> None:
        """Copy what `world` changed of the model's geometry, and set the pose qpos [nq]."""
        for name in ("geom_pos", "geom_size", "geom_dataid", "body_pos"):
            values = getattr(world, name)
            getattr(self.model, name)[: len(values)] = values
        self.data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)

    def camera(self) -> mujoco.MjvCamera:
        """A camera beside planar robots, and to the front right of others."""
        robot = self.family.robot
        x, y, z = self.data.subtree_com[1]
        climbs = self.family.terrain is not None
        camera = mujoco.MjvCamera()
        camera.lookat[:] = [x, 0.0 if robot.is_planar() else y, z if climbs else robot.camera_height]
        camera.distance = robot.camera_distance * (1.3 if climbs else 1.0)
        camera.azimuth = 90.0 if robot.is_planar() else 110.0
        camera.elevation = -12.0 if robot.is_planar() else -38.0 if climbs else -20.0
        return camera


class Stage:
    """A renderer of a scene; `close` frees it."""

    def __init__(self, family: Locomotion, width: int, height: int) -> None:
        self.scene = Scene(family, width, height)
        self.renderer = mujoco.Renderer(self.scene.model, height, width)

    def draw(self, world: mujoco.MjModel, qpos: Pose) -> NDArray[np.uint8]:
        """One frame [height, width, 3] of a world in the pose qpos [nq].

        The simulation runs in the frame of the slope, so the camera is rotated with gravity.
        """
        self.scene.pose(world, qpos)
        camera = self.scene.camera()
        self.renderer.update_scene(self.scene.data, camera)
        rotation = _rotation_to(-world.opt.gravity)
        for eye in self.renderer.scene.camera:
            eye.pos[:] = camera.lookat + rotation @ (np.asarray(eye.pos) - camera.lookat)
            eye.forward[:], eye.up[:] = rotation @ np.asarray(eye.forward), rotation @ np.asarray(eye.up)
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        picture: NDArray[np.uint8] = self.renderer.render()
        return picture

    def close(self) -> None:
        """Free the renderer or the window."""
        self.renderer.close()


class Window:
    """MuJoCo's viewer on a scene, in real time.

    Raises RuntimeError without a display.
    """

    def __init__(self, family: Locomotion) -> None:
        if not glfw.init():  # checked first, because without a display the viewer ends the whole process
            raise RuntimeError("a window needs a display: use render_mode='rgb_array', or metarl record")
        self.scene = Scene(family)
        self.viewer = mujoco.viewer.launch_passive(
            self.scene.model, self.scene.data, show_left_ui=False, show_right_ui=False
        )
        self._next = time.perf_counter()

    def show(self, world: mujoco.MjModel, qpos: Pose) -> None:
        """Draw, and wait until a control step has passed since the last call."""
        with self.viewer.lock():
            self.scene.pose(world, qpos)
            camera = self.scene.camera()
            self.viewer.cam.lookat[:] = camera.lookat
        self.viewer.sync()
        now = time.perf_counter()
        self._next = max(self._next + self.scene.family.control_step, now)
        time.sleep(self._next - now)

    def close(self) -> None:
        """Free the renderer or the window."""
        self.viewer.close()


def _rotation_to(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotation that takes z to `up`, [3, 3]."""
    x, y, z = up / max(float(np.linalg.norm(up)), 1e-9)
    axis = np.array([-y, x, 0.0])  # z cross up
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: NDArray[np.float64] = (
        np.eye(3) + cross + cross @ cross / (1 + z) if z > -1 else np.diag([1.0, -1.0, -1.0])
    )
    return rotation


def _model(family: Locomotion, width: int, height: int) -> mujoco.MjModel:
    """The family's model with scenery. Posts are added last, on a separate body, so that other indices are kept."""
    spec = family.spec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.headlight.ambient = [0.45, 0.45, 0.45]
    spec.visual.headlight.diffuse = [0.5, 0.5, 0.5]
    spec.visual.quality.offsamples = 0
    _add_sky(spec)
    _add_tiles(spec, "tiles", [0.55, 0.66, 0.58], [0.74, 0.82, 0.75])
    _add_tiles(spec, "hills", [0.66, 0.60, 0.52], [0.78, 0.72, 0.62])
    for geom in spec.worldbody.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
            geom.material, geom.rgba, geom.size = "tiles", [1, 1, 1, 1], [100, 40, 1]
        elif geom.type == mujoco.mjtGeom.mjGEOM_HFIELD:
            geom.material, geom.rgba = "hills", [1, 1, 1, 1]
        elif geom.name.startswith(TERRAIN):
            shade = 0.55 + 0.12 * (int(geom.name.removeprefix(TERRAIN)) % 2)  # to tell neighbouring steps apart
            geom.material, geom.rgba = "", [shade, 0.94 * shade, 0.84 * shade, 1]
    _add_posts(spec)
    return compile_quietly(spec)


def _add_sky(spec: mujoco.MjSpec) -> None:
    skies = [t for t in spec.textures if t.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX]
    sky = skies[0] if skies else spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    sky.builtin, sky.width, sky.height = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, 256, 256
    sky.rgb1, sky.rgb2 = [0.80, 0.90, 1.0], [0.45, 0.62, 0.85]


def _add_tiles(spec: mujoco.MjSpec, name: str, dark: list[float], light: list[float]) -> None:
    checker = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        width=256,
        height=256,
        rgb1=dark,
        rgb2=light,
    )
    material = spec.add_material(name=name, texrepeat=[0.5 / _TILE, 0.5 / _TILE], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = checker.name


def _add_posts(spec: mujoco.MjSpec) -> None:
    posts = spec.worldbody.add_body(name="posts")
    for x in np.arange(-_REACH, _REACH + 1, _POST_EVERY):
        start = x == 0
        posts.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.05, 0.6 if start else 0.35, 0],
            pos=[x, 1.6, 0.6 if start else 0.35],
            rgba=[0.85, 0.25, 0.2, 1] if start else [0.95, 0.95, 0.95, 1],
            contype=0,
            conaffinity=0,
            mass=0,
        )
