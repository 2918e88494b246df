"""From the simulation to the state of every world."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from envs.legged.base import Joints, actuated_joints, axis_of, quaternion
from envs.legged.rewards import PRESSED
from envs.legged.rules import LeggedRules
from envs.legged.state import LeggedState
from envs.robots.body import Body, to_base

UPRIGHT = 0.5  # cosine of the tilt against gravity beyond which a robot has fallen: 60 degrees
LOW = 0.5  # of its height at the start, below which a robot has fallen; chosen


class Carried(NamedTuple):
    """What is carried from one control step to the next, [W, ...] each."""

    command: Tensor  # [W, 3]
    elapsed: Tensor  # [W] control steps of the episode
    act: Tensor  # [W, A] the latest action
    joint_vel: Tensor  # [W, J]
    soles: Tensor  # [W, S, 3] places of the geoms of the feet, m
    contact: Tensor  # [W, F] bool
    air_time: Tensor  # [W, F] s; 0 on the ground


class Measure:
    """Reads `W` worlds of a robot."""

    def __init__(self, family: LeggedRules, body: Body) -> None:
        self.family, self.body = family, body
        device = body.qpos.device
        self.joints = Joints(*(x.to(device) for x in actuated_joints(family.robot)))
        self._places, self._touch, self._force = map(body.field, ("geom_xpos", "sensordata", "actuator_force"))
        soles = torch.arange(len(family.soles), device=device)
        self._feet = torch.split(soles, [len(foot.geoms) for foot in family.feet])  # the soles of each foot
        self._standing = family.standing_soles.to(body.qpos)  # [S]
        self._own_soles = family.soles_of_others.to(body.qpos)  # [S, bodies]

    def fresh(self, command: Tensor) -> Carried:
        """What robots that have just started carry, given their commands [W, 3]; their feet count as on the ground."""
        contact = torch.ones(len(command), len(self.family.feet), dtype=torch.bool, device=command.device)
        return Carried(
            command,
            torch.zeros(len(command), dtype=torch.long, device=command.device),
            torch.zeros_like(self.body.act),
            self._joint_vel(),
            self._soles(),
            contact,
            torch.zeros_like(contact, dtype=command.dtype),
        )

    def moved(self, before: Carried) -> tuple[LeggedState, Carried]:
        """The state after a control step, and what is carried on."""
        contact = self._contact()
        airborne = ~(contact | before.contact)  # a foot that loses the ground for one step is still on it
        air_time = before.air_time + self.family.control_step
        carried = before._replace(
            elapsed=before.elapsed + 1,
            act=self.body.act,
            joint_vel=self._joint_vel(),
            soles=self._soles(),
            contact=contact,
            air_time=torch.where(airborne, air_time, 0.0),
        )
        state = self.state(carried, before)._replace(
            landed=(before.air_time > 0) & ~airborne, air_time=air_time, fallen=self._fallen()
        )
        return state, carried

    def state(self, now: Carried, before: Carried | None = None) -> LeggedState:
        """The state given what is carried, and what was carried one step before; by default nothing has moved."""
        before, body, seconds = before or now, self.body, self.family.control_step
        q, at = quaternion(body, self.family.base_qpos), self.family.base_dof
        joints = body.qpos[:, self.joints.qpos]
        base = body.qpos[:, self.family.base_qpos : self.family.base_qpos + 3]
        below = (now.soles - base[:, None]) @ axis_of(q)[..., None]  # [W, S, 1]
        sole_speed = (now.soles - before.soles)[..., :2].norm(dim=2) / seconds  # [W, S]
        return LeggedState(
            command=now.command,
            lin_vel=to_base(q, body.qvel[:, at : at + 3]),
            ang_vel=body.qvel[:, at + 3 : at + 6].clone(),
            gravity=to_base(q, body.down),
            joint_pos=joints - self.joints.start,
            joint_vel=now.joint_vel,
            joint_acc=(now.joint_vel - before.joint_vel) / seconds,
            beyond=(self.joints.low - joints).clamp(min=0) + (joints - self.joints.high).clamp(min=0),
            torque=self._force.clone(),
            act=now.act,
            last_act=before.act,
            contact=now.contact,
            landed=torch.zeros_like(now.contact),
            air_time=now.air_time,
            foot_speed=self._of_feet(sole_speed),
            foot_lift=self._of_feet(below[..., 0] - self._standing),
            collisions=self._collisions(),
            fallen=torch.zeros_like(now.contact[:, 0]),
        )

    def _joint_vel(self) -> Tensor:
        return self.body.qvel[:, self.joints.dofs]

    def _soles(self) -> Tensor:
        return self._places[:, self.family.soles].to(self.body.qpos)

    def _contact(self) -> Tensor:
        return self._of_feet(self._touch[:, self.family.touch_soles]) > PRESSED

    def _collisions(self) -> Tensor:
        """Bodies that touch something by more than their soles, [W]."""
        soles = self._touch[:, self.family.touch_soles].to(self._own_soles) @ self._own_soles  # [W, bodies]
        return (self._touch[:, self.family.touch_others] - soles > PRESSED).sum(1)

    def _of_feet(self, x: Tensor) -> Tensor:
        """The largest of the geoms [W, S] of each foot, [W, F]."""
        if len(self._feet) == x.shape[1]:
            return x
        return torch.stack([x[:, soles].amax(1) for soles in self._feet], 1)

    def _fallen(self) -> Tensor:
        """Tilted, or low: whether the robot has fallen, [W] bool; or by the robot's own rule."""
        robot = self.family.robot
        upright = -to_base(quaternion(self.body, self.family.base_qpos), self.body.down)[:, 2]
        low = robot.height(self.body) < LOW * self.family.standing_height
        return (upright < UPRIGHT) | low | robot.terminated(self.body)
