"""What reward terms, success and observations are made of: the state of every world after a control step."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LeggedState(NamedTuple):
    """Of `W` worlds; the frame of the base turns with the robot."""

    command: Tensor  # [W, 3] forwards, left (m/s), yaw rate (rad/s)
    lin_vel: Tensor  # [W, 3] of the base in its frame, m/s
    ang_vel: Tensor  # [W, 3] of the base in its frame, rad/s
    gravity: Tensor  # [W, 3] direction of gravity in the frame of the base
    joint_pos: Tensor  # [W, J] from the start pose, rad
    joint_vel: Tensor  # [W, J] rad/s
    joint_acc: Tensor  # [W, J] rad/s^2, mean of the control step
    beyond: Tensor  # [W, J] how far a joint is beyond 90 % of its range, rad
    torque: Tensor  # [W, A] forces of the actuators, N m
    act: Tensor  # [W, A] the latest action, in [-1, 1]
    last_act: Tensor  # [W, A] the one before
    contact: Tensor  # [W, F] bool, whether a foot touches the ground
    landed: Tensor  # [W, F] bool, whether it did not one step before
    air_time: Tensor  # [W, F] s since a foot left the ground; of one that has just landed the whole time in the air
    foot_speed: Tensor  # [W, F] horizontal, m/s
    foot_lift: Tensor  # [W, F] m along the axis of the base, above where a foot is while the robot stands
    collisions: Tensor  # [W] bodies other than feet that touch something
    fallen: Tensor  # [W] bool
