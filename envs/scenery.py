"""The stage for a video: the robot's own model on a floor that shows slope and motion. Nothing here is physics."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.robots.robot import Robot, compile_quietly

_TILE = 1.0  # m, side of a checker tile
_POST_EVERY = 5.0  # m between distance posts
_REACH = 60  # m, how far the posts stand along x in both directions


class Stage:
    """A renderer and a robot on it; `close` frees the renderer."""

    def __init__(self, robot: type[Robot], width: int, height: int) -> None:
        self.robot = robot
        self.model = _model(robot, width, height)
        self.data = mujoco.MjData(self.model)
        self.renderer = mujoco.Renderer(self.model, height, width)

    def draw(self, qpos: NDArray[np.float64], slope_deg: float) -> NDArray[np.uint8]:
        """One frame [height, width, 3] with the camera beside the robot in the pose qpos [nq].

        The simulation lives in the frame of the slope, so the camera is rolled by `slope_deg` and down is down.
        """
        self.data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        camera = mujoco.MjvCamera()
        camera.lookat[:] = [self.data.subtree_com[1][0], 0.0, self.robot.camera_height]
        camera.distance, camera.azimuth, camera.elevation = self.robot.camera_distance, 90.0, -12.0
        self.renderer.update_scene(self.data, camera)
        angle = np.deg2rad(slope_deg)
        for eye in self.renderer.scene.camera:
            right = np.cross(eye.forward, eye.up)
            eye.up[:] = np.cos(angle) * np.asarray(eye.up) + np.sin(angle) * right
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        picture: NDArray[np.uint8] = self.renderer.render()
        return picture

    def close(self) -> None:
        self.renderer.close()


def _model(robot: type[Robot], width: int, height: int) -> mujoco.MjModel:
    """The robot's model with a sky, a tiled floor, and a post every 5 m (taller and red at the start)."""
    spec = robot.spec("fast")
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.headlight.ambient = [0.45, 0.45, 0.45]
    spec.visual.headlight.diffuse = [0.5, 0.5, 0.5]
    spec.visual.quality.offsamples = 0
    for texture in spec.textures:
        if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            texture.rgb1, texture.rgb2 = [0.80, 0.90, 1.0], [0.45, 0.62, 0.85]
    checker = spec.add_texture(
        name="tiles",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        width=256,
        height=256,
        rgb1=[0.55, 0.66, 0.58],
        rgb2=[0.74, 0.82, 0.75],
    )
    material = spec.add_material(name="tiles", texrepeat=[0.5 / _TILE, 0.5 / _TILE], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = checker.name
    floor = spec.geom("floor")
    floor.material, floor.rgba, floor.size = "tiles", [1, 1, 1, 1], [100, 40, 1]
    _add_posts(spec)
    return compile_quietly(spec)


def _add_posts(spec: mujoco.MjSpec) -> None:
    for x in np.arange(-_REACH, _REACH + 1, _POST_EVERY):
        start = x == 0
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.05, 0.6 if start else 0.35, 0],
            pos=[x, 1.6, 0.6 if start else 0.35],
            rgba=[0.85, 0.25, 0.2, 1] if start else [0.95, 0.95, 0.95, 1],
            contype=0,
            conaffinity=0,
            mass=0,
        )
