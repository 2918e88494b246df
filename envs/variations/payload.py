"""Payload: a point mass on the torso, and where it sits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.anatomy.names import PAYLOAD
from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.anatomy.anatomy import Anatomy
    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params


def add_payload(spec: mujoco.MjSpec, highest: float, robot: type[Robot]) -> None:
    """A body without mass on the torso, with a box to show it."""
    import mujoco

    from envs.anatomy.added import add_geom

    load = robot.root_of(spec).add_body(name=PAYLOAD, mass=1e-9, inertia=[1e-12] * 3, explicitinertial=True)
    add_geom(
        load,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.08, 0.08, 0.04],
        rgba=[0.2, 0.2, 0.25, 1],
        mass=0,
        contype=0,
        conaffinity=0,
    )


def set_payload(params: Params, task: Task, robot: type[Robot]) -> None:
    """Its mass in units of the robot's mass, its place in the frame of the torso."""
    body, whole = params.model.body(PAYLOAD).id, params.anatomy.bodies[0]
    params["body_mass"][:, body] = task["payload"] * params.model.body_subtreemass[whole]
    for axis, name in enumerate(("payload_x", "payload_y")):
        if name in task:
            params["body_pos"][:, body, axis] = task[name]


def why_idle(model: mujoco.MjModel, anatomy: Anatomy) -> str | None:
    """A load on a body that cannot move has no effect."""
    return "its root is fixed to the world" if model.body_weldid[anatomy.root] == 0 else None


VARIATIONS = (
    Variation(
        "payload",
        "dynamics",
        "",
        0,
        2,
        "a load on the torso, times the mass of the robot",
        options=("payload_x", "payload_y"),
        prepare=add_payload,
        apply=set_payload,
        idle=why_idle,
    ),
    Variation("payload_x", "dynamics", "m", -1, 1, "position of the load: ahead of the torso's origin"),
    Variation(
        "payload_y", "dynamics", "m", -1, 1, "position of the load: left of the torso's origin", needs=("plane",)
    ),
)
