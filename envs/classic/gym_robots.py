"""Robots that ProMP, PEARL and VariBAD share: those of gym, with other observations and costs.

Contact forces are those that MuJoCo computes within the step, as versions before 2.0 did. With MuJoCo 2.0 to 2.1 they
were zero in these codebases, and so were four fifths of the ant's observation.
"""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from envs.classic.definition import cat, contact_forces
from envs.robots.ant import Ant
from envs.robots.humanoid import Humanoid
from envs.robots.robot import Body, Physics, Robot, add_sensor


class WithContactForces(Robot):
    """A robot for which MuJoCo computes contact forces."""

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        spec = super().spec(physics)
        add_sensor(spec, mujoco.mjtSensor.mjSENS_FRAMELINACC, "torso")
        return spec


class CostlyAnt(WithContactForces, Ant):
    """Gym's ant: a cost of 0.0005 |contact forces|^2, and the bonus also in the step in which it fails."""

    pays_last_step = True

    @classmethod
    def extra_cost(cls, body: Body) -> Tensor:
        return 5e-4 * contact_forces(body).square().sum(1)


class GoalAnt(CostlyAnt):
    """Observation (113): qpos (15), qvel (14), contact forces (84). Never fails."""

    ctrl_cost = 0.1
    alive_bonus = 0.0

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(body.qpos, body.qvel, contact_forces(body))

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        return Robot.terminated(body)


class WholeHumanoid(WithContactForces, Humanoid):
    """Observation (376): qpos without x and y (22), qvel (23), cinert (140), cvel (84), actuator forces (23), contact
    forces (84), including the rows of the world body. Contacts cost 5e-7 |forces|^2, at most 10.
    """

    pays_last_step = True

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        parts = [body.field(name).flatten(1) for name in ("cinert", "cvel", "qfrc_actuator", "cfrc_ext")]
        return cat(body.qpos[:, 2:], body.qvel, *parts)

    @classmethod
    def extra_cost(cls, body: Body) -> Tensor:
        return (5e-7 * body.field("cfrc_ext").flatten(1).square().sum(1)).clamp(max=10)


def one_radian() -> float:
    """One radian in degrees."""
    return float(torch.rad2deg(torch.tensor(1.0, dtype=torch.float64)))
