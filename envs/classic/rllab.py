"""MAML's own task set (Finn et al. 2017, github.com/cbfinn/maml_rl), on rllab's environments.

One physics step per control step; velocities are those of the centre of mass at the end of the step, not means over it.
The ant's motors have gear 150 and range [-1, 1] here, gear 1 and range [-150, 150] there: the same torque.
"""

from __future__ import annotations

import mujoco
import numpy as np
from torch import Tensor

from envs.classic.definition import Definition, PointDefinition, cat, contact_forces, speed_range, with_bonus
from envs.core import Variable
from envs.locomotion.families import BOTH_WAYS
from envs.robots.ant import Ant
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import Body, Physics, Robot, add_sensor
from envs.robots.signals import Signal, stock_signals
from envs.variations.goal_position import position_reward
from envs.variations.velocity import velocity_reward

TORSO = 1


class CentreOfMass(Robot):
    """Position and velocity are those of the centre of mass of the robot, after the step."""

    frame_skip = 1
    reset_noise = 0.01
    normal_position_noise = True
    velocity_noise = 0.1
    normal_velocity_noise = True
    fresh = True

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        spec = super().spec(physics)
        add_sensor(spec, mujoco.mjtSensor.mjSENS_SUBTREELINVEL, "torso")
        return spec

    @classmethod
    def position(cls, body: Body) -> Tensor:
        return body.field("subtree_com")[:, TORSO, :2].clone()

    @classmethod
    def velocity(cls, body: Body, moved: Tensor, seconds: float) -> Tensor:
        return body.field("sensordata")[:, :2]


class RllabCheetah(CentreOfMass, HalfCheetah):
    """Observation (20): qpos without x (8), qvel (9), centre of mass (3). Control step 0.01 s."""

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(super().observe(body), body.field("subtree_com")[:, TORSO])

    @classmethod
    def signals(cls, model: mujoco.MjModel) -> tuple[Signal, ...]:
        place = tuple(Signal(f"centre of mass {axis}, as of the last substep", "m") for axis in "xyz")
        return (*stock_signals(model, cls.anatomy(model)), *place)


class RllabAnt(CentreOfMass, Ant):
    """Observation (125): qpos (15), qvel (14), contact forces (84), orientation of the torso (9), centre of mass (3).

    Control step 0.02 s; starts at 0.55 m with bent ankles. Contact forces are those during the step; rllab recomputed
    them at its end.
    """

    start = (0.0, 0.0, 0.55, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0)
    ctrl_cost = 0.005
    alive_bonus = 0.05
    pays_last_step = True

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        spec = super().spec(physics)
        spec.option.timestep = 0.02
        for geom in spec.geoms:
            geom.solimp[:3] = np.array([0.8, 0.8, 0.01])
        add_sensor(spec, mujoco.mjtSensor.mjSENS_FRAMELINACC, "torso")
        return spec

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(
            body.qpos,
            body.qvel,
            contact_forces(body),
            body.field("xmat")[:, TORSO].flatten(1),
            body.field("subtree_com")[:, TORSO],
        )

    @classmethod
    def extra_cost(cls, body: Body) -> Tensor:
        return 5e-4 * contact_forces(body).square().sum(1)


SQUARE = tuple(Variable(name, ((-3.0, 3.0),)) for name in ("goal_x", "goal_y"))

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    "rllab-point": PointDefinition(
        "MAML's point: goals in a square, H 100",
        {"variables": tuple(Variable(n, ((-0.5, 0.5),)) for n in ("goal_x", "goal_y"))},
    ),
    "rllab-cheetah-dir": Definition(
        "MAML's cheetah, both ways: 0.01 s, velocity of the centre of mass, H 200", RllabCheetah, (BOTH_WAYS,)
    ),
    "rllab-cheetah-vel": Definition(
        "MAML's cheetah, speeds 0 to 2 m/s: -|v - goal|, H 200", RllabCheetah, speed_range(0, 2)
    ),
    "rllab-ant-dir": Definition("MAML's ant, both ways: 0.02 s, 125 numbers observed, H 200", RllabAnt, (BOTH_WAYS,)),
    "rllab-ant-vel": Definition(
        "MAML's ant, speeds 0 to 3 m/s: 1 - |v - goal|, H 200",
        RllabAnt,
        speed_range(0, 3),
        reward=with_bonus(velocity_reward, 1.0),
    ),
    "rllab-ant-goal": Definition(
        "MAML's ant, goals in a square of 6 m: 4 - |xy - goal|_1, H 200",
        RllabAnt,
        SQUARE,
        reward=with_bonus(position_reward, 4.0),
    ),
}
