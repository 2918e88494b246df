"""The base of a robot with a free joint: rotations, and the joints behind it."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs.anatomy.actuators import SCALAR
from envs.robots.robot import Body, Robot

SOFT = 0.9  # of a joint's range, beyond which it is charged (legged_gym)


class Joints(NamedTuple):
    """The joints that the actuators move: places in qpos and qvel, start pose and soft limits, [J] each."""

    qpos: Tensor
    dofs: Tensor
    start: Tensor
    low: Tensor
    high: Tensor


def check_base(robot: type[Robot]) -> None:
    """Raise ValueError for a robot that a velocity command does not fit."""
    own = robot.understood()
    if own.anatomy.base != "free":
        raise ValueError(f"{robot.__name__} is not free: tasks of kind legged need a root body with a free joint")
    if own.anatomy.floor is None:
        raise ValueError(f"{robot.__name__} has no floor: tasks of kind legged need one to walk on")


def free_joint(robot: type[Robot]) -> tuple[int, int]:
    """The entries of qpos and qvel at which the free joint of the base begins."""
    own = robot.understood()
    model, body = own.model, own.anatomy.root
    joints = range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body])
    joint = next(j for j in joints if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE)
    return int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])


def actuated_joints(robot: type[Robot]) -> Joints:
    """Hinge and slide joints that the actuators move, in the order of the actuators, each once."""
    own = robot.understood()
    model = own.model
    dofs = list(dict.fromkeys(dof for a in own.anatomy.actuators for dof in a.dofs if _is_scalar(model, dof)))
    joints = model.dof_jntid[dofs]
    qpos = model.jnt_qposadr[joints]
    start = model.qpos0 if own.pose.qpos is None else own.pose.qpos
    low, high = model.jnt_range[joints].T
    middle, half = (low + high) / 2, (high - low) / 2 * SOFT
    limited = model.jnt_limited[joints].astype(bool)
    ends = np.where(limited, middle - half, -np.inf), np.where(limited, middle + half, np.inf)
    index = torch.from_numpy(np.asarray(qpos, dtype=np.int64)), torch.tensor(dofs, dtype=torch.long)
    return Joints(*index, *(torch.from_numpy(np.asarray(x, dtype=np.float64)) for x in (start[qpos], *ends)))


def _is_scalar(model: mujoco.MjModel, dof: int) -> bool:
    return int(model.jnt_type[model.dof_jntid[dof]]) in SCALAR


def quaternion(body: Body, at: int) -> Tensor:
    """Orientation of the base, a unit quaternion [W, 4]; `at` is where its free joint begins in qpos."""
    q = body.qpos[:, at + 3 : at + 7]
    unit: Tensor = q / q.norm(dim=1, keepdim=True)
    return unit


def axis_of(q: Tensor) -> Tensor:
    """The axis of a base that points up while it stands, in the world, [W, 3], of its unit quaternion q [W, 4]."""
    w, x, y, z = q.unbind(1)
    return torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], 1)


def yaw_of(q: Tensor) -> Tensor:
    """Heading of the base about the vertical, rad, [W]."""
    w, x, y, z = q.T
    yaw: Tensor = torch.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return yaw
