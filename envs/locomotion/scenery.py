"""Rendering: the robot on ground that makes slope, terrain and motion visible. Nothing here affects the physics."""

from __future__ import annotations

import time
from collections.abc import Mapping

import glfw
import mujoco
import mujoco.viewer
import numpy as np
from numpy.typing import NDArray

from envs.locomotion.decor import SUN
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import aim_of
from envs.locomotion.scene import Pose, Scene

_NOTHING: Mapping[str, float] = {}


class Stage:
    """A renderer of a scene; `close` frees it."""

    def __init__(self, family: Locomotion, width: int, height: int) -> None:
        self.scene = Scene(family, width, height)
        self.renderer = mujoco.Renderer(self.scene.model, height, width)

    def draw(self, world: mujoco.MjModel, qpos: Pose, task: Mapping[str, float] = _NOTHING) -> NDArray[np.uint8]:
        """One frame [height, width, 3] of a world in the pose qpos [nq], with marks of what its task asks for.

        The simulation runs in the frame of the slope, so the camera is rotated with gravity.
        """
        self.scene.pose(world, qpos)
        aim = aim_of(task)
        rotation = _rotation_to(-world.opt.gravity)
        camera = self.scene.camera(aim, inclined=bool(rotation[2, 2] < 1 - 1e-6))
        self.renderer.update_scene(self.scene.data, camera)
        scene = self.renderer.scene
        self.scene.mark(scene, aim)
        for eye in scene.camera:
            eye.pos[:] = camera.lookat + rotation @ (np.asarray(eye.pos) - camera.lookat)
            eye.forward[:], eye.up[:] = rotation @ np.asarray(eye.forward), rotation @ np.asarray(eye.up)
        _place_sun(scene, self.scene.middle, 3 * self.scene.distance, rotation)
        scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = True
        scene.flags[mujoco.mjtRndFlag.mjRND_FOG] = True
        scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
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

    def show(self, world: mujoco.MjModel, qpos: Pose, task: Mapping[str, float] = _NOTHING) -> None:
        """Draw, and wait until a control step has passed since the last call."""
        aim = aim_of(task)
        with self.viewer.lock():
            self.scene.pose(world, qpos)
            camera = self.scene.camera(aim)
            self.viewer.cam.lookat[:] = camera.lookat
            if self.viewer.user_scn is not None:
                self.viewer.user_scn.ngeom = 0
                self.scene.mark(self.viewer.user_scn, aim)
        self.viewer.sync()
        now = time.perf_counter()
        self._next = max(self._next + self.scene.family.control_step, now)
        time.sleep(self._next - now)

    def close(self) -> None:
        """Free the renderer or the window."""
        self.viewer.close()


def _place_sun(scene: mujoco.MjvScene, over: Pose, distance: float, rotation: NDArray[np.float64]) -> None:
    """Let the sun, which is the last light, shine on a place: its shadow map is centred there."""
    sun = scene.lights[scene.nlight - 1]
    sun.dir[:] = rotation @ (np.asarray(SUN) / np.linalg.norm(SUN))
    sun.pos[:] = over - distance * np.asarray(sun.dir)


def _rotation_to(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotation that takes z to `up`, [3, 3]."""
    x, y, z = up / max(float(np.linalg.norm(up)), 1e-9)
    axis = np.array([-y, x, 0.0])  # z cross up
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: NDArray[np.float64] = (
        np.eye(3) + cross + cross @ cross / (1 + z) if z > -1 else np.diag([1.0, -1.0, -1.0])
    )
    return rotation
