"""Marks of what a task asks for, drawn into a scene: a goal, an arrow for a direction, a heading and a target speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

GOAL, ARROW = (0.10, 0.70, 0.30, 0.75), (1.0, 0.72, 0.10, 1.0)
ARROW_LENGTH = 0.22  # camera distances, of an arrow without a speed
ARROW_PER_SPEED = 0.18  # camera distances for each m/s
LONGEST = 0.7  # camera distances
Point = NDArray[np.float64]


class Aim(NamedTuple):
    """What a task asks for: to go to a place, or in a direction, at a speed; None where it does not say."""

    place: tuple[float, float] | None = None  # m from the start
    direction: tuple[float, float] | None = None  # a unit vector
    speed: float | None = None  # m/s


def aim_of(task: Mapping[str, float]) -> Aim:
    """What the numbers of a task ask for."""
    if "goal_x" in task and "goal_y" in task:
        return Aim(place=(task["goal_x"], task["goal_y"]))
    if "goal_distance" in task and "goal_heading_deg" in task:
        x, y = _unit(task["goal_heading_deg"])
        return Aim(place=(task["goal_distance"] * x, task["goal_distance"] * y))
    forwards = _unit(task.get("heading_deg", 0.0))
    speed = task.get("velocity")
    sign = math.copysign(1.0, task.get("direction", 1.0) if speed is None else speed)
    asked = {"heading_deg", "direction", "velocity"} & task.keys()
    direction = (sign * forwards[0], sign * forwards[1]) if asked else None
    return Aim(direction=direction, speed=None if speed is None else abs(speed))


def commanded(task: Mapping[str, float], command: Point, pose: Point) -> dict[str, float]:
    """The numbers of a task with a command as a speed and a heading.

    command: [3] forwards and to the left, m/s, and turning. pose: qpos [nq] of a robot whose free joint is the first.
    """
    forward, left, _ = command
    w, x, y, z = pose[3:7]
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    heading = math.degrees(yaw + math.atan2(left, forward))
    return {**task, "velocity": math.hypot(forward, left), "heading_deg": heading}


def draw(scene: mujoco.MjvScene, aim: Aim, above: Point, ground: float, distance: float) -> None:
    """Add the marks of an aim to a scene.

    above: the place over the robot from which arrows start. ground: height of the floor. distance: of the camera, m.
    """
    if aim.place is not None:
        place = np.array([*aim.place, ground])
        tall = np.array([0.0, 0.0, 0.30 * distance])
        _connect(scene, mujoco.mjtGeom.mjGEOM_CYLINDER, 0.012 * distance, place, place + tall, GOAL)
        _connect(scene, mujoco.mjtGeom.mjGEOM_CYLINDER, 0.09 * distance, place, place + 0.02 * tall, GOAL)
        _connect(scene, mujoco.mjtGeom.mjGEOM_SPHERE, 0.03 * distance, place + tall, place + 1.01 * tall, GOAL)
    if aim.direction is not None:
        length = ARROW_LENGTH if aim.speed is None else min(ARROW_PER_SPEED * aim.speed, LONGEST)
        along = length * distance * np.array([*aim.direction, 0.0])
        shape = mujoco.mjtGeom.mjGEOM_ARROW if length > 0.02 else mujoco.mjtGeom.mjGEOM_SPHERE  # stand still
        _connect(scene, shape, 0.015 * distance, above - along / 2, above + along / 2, ARROW)


def _unit(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _connect(
    scene: mujoco.MjvScene,
    shape: mujoco.mjtGeom,
    width: float,
    start: Point,
    end: Point,
    colour: tuple[float, float, float, float],
) -> None:
    """A shape of a width from one place to another; a sphere lies at the first."""
    if scene.ngeom >= scene.maxgeom:
        return
    geom = scene.geoms[scene.ngeom]
    mujoco.mjv_initGeom(geom, shape, np.full(3, width), start, np.eye(3).ravel(), np.asarray(colour, dtype=np.float32))
    if shape != mujoco.mjtGeom.mjGEOM_SPHERE:
        mujoco.mjv_connector(geom, shape, width, start, end)
    geom.category, geom.segid = mujoco.mjtCatBit.mjCAT_DECOR, -1  # no part of the model in a segmented picture
    scene.ngeom += 1
