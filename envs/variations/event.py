"""Events: what changes at a time within the episode. Robots of kind legged have them (`envs.legged.events`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.anatomy.names import PAYLOAD
from envs.variations.crippled import count_motors
from envs.variations.friction import scale_contacts
from envs.variations.payload import add_payload, why_idle
from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params

CHANGES = ("event_motor", "event_payload", "event_friction")


def disable_motor(params: Params, task: Task, robot: type[Robot]) -> None:
    """Disable the motor of number `event_motor` in each world."""
    params.disable_motors(task["event_motor"], [(i,) for i in range(params.model.nu)])


def prepare_payload(spec: mujoco.MjSpec, highest: float, robot: type[Robot]) -> None:
    """The body of a payload, unless the robot has one from the beginning of an episode."""
    if all(body.name != PAYLOAD for body in spec.bodies):
        add_payload(spec, highest, robot)


def put_on(params: Params, task: Task, robot: type[Robot]) -> None:
    """Another load beside that of the beginning, in units of the robot's mass."""
    body, whole = params.model.body(PAYLOAD).id, params.anatomy.bodies[0]
    params["body_mass"][:, body] += task["event_payload"] * params.model.body_subtreemass[whole]


def scale_friction(params: Params, task: Task, robot: type[Robot]) -> None:
    """Friction of ground and robot, times that of the beginning."""
    count = params.model.ngeom + params.model.npair
    scale_contacts(params, task["event_friction"][:, None].expand(-1, count))


VARIATIONS = (
    Variation("event_s", "event", "s", 0, 1000, "when something changes", options=CHANGES),
    Variation(
        "event_motor",
        "event",
        "",
        -1,
        100,
        "number of the motor that fails at event_s, -1 for none",
        whole=True,
        count=count_motors,
        apply=disable_motor,
    ),
    Variation(
        "event_payload",
        "event",
        "",
        0,
        2,
        "a load put on the torso at event_s, times the mass of the robot",
        prepare=prepare_payload,
        apply=put_on,
        idle=why_idle,
    ),
    Variation(
        "event_friction",
        "event",
        "",
        0.01,
        100,
        "friction from event_s on, times that of the beginning",
        needs=("floor",),
        apply=scale_friction,
    ),
)
