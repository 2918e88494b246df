"""The feet of a robot, found by structure, and what senses their contacts.

A foot is the end of a limb that is near the ground when the robot starts. Contacts are sensed by touch sensors: one
for each foot, and one for every other body that can touch the ground, to tell collisions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.added import original
from envs.anatomy.anatomy import posed
from envs.anatomy.contacts import possible_contacts
from envs.anatomy.names import PREFIX
from envs.robots.robot import Robot

NEAR = 0.1  # m above the lowest limb's end: what is higher is a hand or a tail; chosen
LEVEL = 0.01  # m: geoms of a limb's end that reach as low as its lowest one are its sole; chosen
EVERYWHERE = 10.0  # m: radius of a site that holds every contact of its body
MARGIN = 1.1  # of the site of a foot over its geom
TOUCH = f"{PREFIX}touch_"  # of sites and sensors


class Foot(NamedTuple):
    """The body at the end of a limb, and the geoms of its sole, as indices of the bare model."""

    body: int
    geoms: tuple[int, ...]
    name: str


def find_feet(robot: type[Robot]) -> tuple[Foot, ...]:
    """The feet of a robot, in the order of its bodies. Raises ValueError for a robot without any."""
    own = robot.understood()
    model, data = own.model, posed(own.model, own.pose.qpos)
    feet = [_foot(model, data, body) for body in _ends(model, own.anatomy.bodies)]
    if not feet:
        raise ValueError(f"{robot.__name__} has no feet: no end of its limbs can touch its floor")
    lowest = min(low for _, low in feet)
    return tuple(foot for foot, low in feet if low < lowest + NEAR)


def other_bodies(robot: type[Robot], feet: tuple[Foot, ...]) -> tuple[int, ...]:
    """Bodies with geoms that can touch something and that belong to no sole, as indices of the bare model."""
    own = robot.understood()
    soles = {geom for foot in feet for geom in foot.geoms}
    touching = [int(g) for g in np.flatnonzero(possible_contacts(own.model).any(1)) if int(g) not in soles]
    return tuple(sorted({int(own.model.geom_bodyid[g]) for g in touching} & set(own.anatomy.bodies)))


def add_touch(spec: mujoco.MjSpec, robot: type[Robot], feet: tuple[Foot, ...], others: tuple[int, ...]) -> None:
    """Sites and touch sensors: one for each geom of a sole, in order, then one for each other body."""
    model, number = robot.understood().model, 0
    for foot in feet:
        body = original(spec.bodies, foot.body)
        for geom in foot.geoms:
            _add_sensor(spec, body, number, **_around(model, geom))
            number += 1
    for index in others:
        _add_sensor(spec, original(spec.bodies, index), number, size=[EVERYWHERE] * 3)
        number += 1


def _around(model: mujoco.MjModel, geom: int) -> dict[str, Any]:
    """A box around a geom, in the frame of its body."""
    centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    rotated = np.empty(3)
    mujoco.mju_rotVecQuat(rotated, centre, model.geom_quat[geom])
    return {
        "type": mujoco.mjtGeom.mjGEOM_BOX,
        "pos": model.geom_pos[geom] + rotated,
        "quat": model.geom_quat[geom],
        "size": half * MARGIN + 1e-3,
    }


def _add_sensor(spec: mujoco.MjSpec, body: mujoco.MjsBody, number: int, **shape: Any) -> None:
    name = f"{TOUCH}{number}"
    body.add_site(name=name, group=5, rgba=[0, 0, 0, 0], **shape)
    spec.add_sensor(name=name, type=mujoco.mjtSensor.mjSENS_TOUCH, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=name)


def _ends(model: mujoco.MjModel, bodies: tuple[int, ...]) -> list[int]:
    """Bodies of the robot that can touch something, and carry no other that can."""
    touches = {int(b) for b in model.geom_bodyid[np.flatnonzero(possible_contacts(model).any(1))]}
    return [b for b in bodies if b in touches and not _carries(model, b, touches)]


def _carries(model: mujoco.MjModel, body: int, touches: set[int]) -> bool:
    """Whether a body that can touch something hangs on this one."""
    for other in touches - {body}:
        while other:
            other = int(model.body_parentid[other])
            if other == body:
                return True
    return False


def _foot(model: mujoco.MjModel, data: mujoco.MjData, body: int) -> tuple[Foot, float]:
    """The foot at the end of a limb, and how low it reaches, m."""
    touching = set(np.flatnonzero(possible_contacts(model).any(1)).tolist())
    geoms = [g for g in np.flatnonzero(model.geom_bodyid == body).tolist() if g in touching]
    lows = np.array([_lowest(model, data, g) for g in geoms])
    sole = tuple(int(g) for g, low in zip(geoms, lows, strict=True) if low < lows.min() + LEVEL)
    return Foot(body, sole, model.body(body).name or f"body{body}"), float(lows.min())


def _lowest(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """Height of the lowest corner of a geom's bounding box, or of a sphere's lowest point, m."""
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_SPHERE:
        return float(data.geom_xpos[geom, 2] - model.geom_size[geom, 0])
    rotation: NDArray[np.float64] = data.geom_xmat[geom].reshape(3, 3)
    centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    return float(data.geom_xpos[geom, 2] + rotation[2] @ centre - np.abs(rotation[2]) @ half)
