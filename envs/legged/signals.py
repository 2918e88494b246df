"""What each number of an observation of a legged robot is, in the order of `envs.legged.sensing`."""

from __future__ import annotations

import mujoco

from envs.legged.base import actuated_joints, free_joint
from envs.legged.scan import AHEAD, ASIDE
from envs.legged.sensing import COMMAND_SCALE, SCALES
from envs.robots.robot import Robot
from envs.robots.signals import Signal, positions, velocities

COMMANDS = (("forwards", "m/s"), ("sideways", "m/s"), ("turning", "rad/s"))


def signals_of(model: mujoco.MjModel, robot: type[Robot], *, scans: bool) -> tuple[Signal, ...]:
    """Of a robot whose policy is told the ground where it `scans`."""
    joints, (_, base) = actuated_joints(robot), free_joint(robot)
    at, speeds = positions(model), velocities(model)
    starts = zip(joints.qpos.tolist(), joints.start.tolist(), strict=True)
    measured = {
        "ang_vel": [speeds[base + i] for i in (3, 4, 5)],
        "gravity": [Signal(f"direction of gravity {axis}, in the frame of the base") for axis in "xyz"],
        "joint_pos": [at[i]._replace(offset=start) for i, start in starts],
        "joint_vel": [speeds[i] for i in joints.dofs.tolist()],
        "height": [Signal(f"ground {x:g} m ahead, {y:g} m aside", "m") for x in AHEAD for y in ASIDE] if scans else [],
    }
    scaled = [signal._replace(scale=SCALES[name]) for name, row in measured.items() for signal in row]
    asked = [Signal(f"command {n}", u, s) for (n, u), s in zip(COMMANDS, COMMAND_SCALE, strict=True)]
    return (*scaled, *asked, *(Signal(f"latest action {model.actuator(i).name or i}") for i in range(model.nu)))
