"""Crippled: a joint or a leg whose motors produce no torque."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params


def disable_joint(params: Params, task: Task, robot: type[Robot]) -> None:
    """Disable the motor of number `crippled_joint` in each world."""
    params.disable_motors(task["crippled_joint"], [(i,) for i in range(params.model.nu)])


def disable_leg(params: Params, task: Task, robot: type[Robot]) -> None:
    """Disable the motors of the leg of number `crippled_leg` in each world."""
    params.disable_motors(task["crippled_leg"], list(robot.legs))


def count_motors(model: mujoco.MjModel, robot: type[Robot]) -> int:
    """Number of motors of the model."""
    return int(model.nu)


def count_legs(model: mujoco.MjModel, robot: type[Robot]) -> int:
    """Number of legs of the robot."""
    return len(robot.legs)


VARIATIONS = (
    Variation(
        "crippled_joint",
        "dynamics",
        "",
        -1,
        100,
        "number of the motor that is disabled, -1 for none",
        whole=True,
        count=count_motors,
        apply=disable_joint,
    ),
    Variation(
        "crippled_leg",
        "dynamics",
        "",
        -1,
        10,
        "number of the leg whose motors are disabled, -1 for none",
        whole=True,
        needs=("legs",),
        count=count_legs,
        apply=disable_leg,
    ),
)
