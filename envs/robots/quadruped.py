"""Quadruped: twelve position-controlled joints at 50 Hz, with the published dimensions of the Unitree Go1.

Size, mass (13.1 kg), joint ranges and torque limits: the manufacturer's URDF (github.com/unitreerobotics/unitree_ros,
go1_description). Gains, control rate: mujoco_playground's Go1 (Zakka et al. 2025, arXiv 2502.08844). Scales of the
observation: legged_gym (Rudin et al. 2022, arXiv 2109.11978). The model is made of primitive shapes for this project.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import mujoco
import torch
from torch import Tensor

from envs.robots.body import to_base
from envs.robots.robot import Body, Physics, Robot
from envs.robots.signals import Signal, positions, velocities

STAND = (0.0, 0.84, -1.64) * 4  # rad: hip, thigh, calf of each leg
REACH = (0.4, 0.8, 0.8) * 4  # rad from STAND for an action of 1; chosen: wide enough to walk, too narrow to fold up
MIN_HEIGHT = 0.15  # m of the trunk over the ground; it stands at 0.28
MIN_UPRIGHT = 0.5  # cosine of the trunk's tilt against gravity: it has fallen beyond 60 degrees


@cache
def _constant(numbers: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor, made once: copying to a GPU at every step would synchronise."""
    return torch.tensor(numbers, dtype=dtype, device=device)


class Quadruped(Robot):
    """Observation (42): angular velocity of the trunk x 0.25 (3), direction of gravity in the trunk's frame (3), joint
    angles from standing (12), joint velocities x 0.05 (12), the latest action (12): what the real robot can measure.

    An action moves the joint targets by up to `REACH` around standing. Control step 5 x 0.004 s. The direction of
    gravity reveals a slope. Legs: front left, front right, rear left, rear right.
    """

    model_file = Path(__file__).with_suffix(".xml")
    frame_skip = 5
    hidden_positions = 2
    height_index = 2
    ctrl_cost = 0.01  # chosen: with full actions, a tenth of the reward of walking at 1 m/s
    alive_bonus = 0.5  # chosen: half the reward of walking at 1 m/s
    start = (0.0, 0.0, 0.3105, 1.0, 0.0, 0.0, 0.0, *STAND)
    reset_noise = 0.05
    legs = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11))
    camera_distance = 2.0
    camera_height = 0.2

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        """The editable model. Raises ValueError for physics `gymnasium`, which has no such environment."""
        if physics == "gymnasium":
            raise ValueError("gymnasium has no environment of the quadruped: use physics 'fast'")
        return mujoco.MjSpec.from_file(str(cls.model_file))

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        stand = _constant(STAND, body.qpos.device, body.qpos.dtype)
        parts = (
            0.25 * body.qvel[:, 3:6],
            cls.gravity(body),
            body.qpos[:, 7:] - stand,
            0.05 * body.qvel[:, 6:],
            body.act.nan_to_num(0.0),
        )
        return torch.cat(parts, 1)

    @classmethod
    def signals(cls, model: mujoco.MjModel) -> tuple[Signal, ...]:
        """What each number of `observe` is."""
        turning, angles, speeds = velocities(model)[3:6], positions(model)[7:], velocities(model)[6:]
        return (
            *(s._replace(scale=0.25) for s in turning),
            *(Signal(f"direction of gravity {axis}, in the trunk's frame") for axis in "xyz"),
            *(s._replace(offset=stand) for s, stand in zip(angles, STAND, strict=True)),
            *(s._replace(scale=0.05) for s in speeds),
            *(Signal(f"latest action {model.actuator(i).name}") for i in range(model.nu)),
        )

    @classmethod
    def gravity(cls, body: Body) -> Tensor:
        """Direction of gravity in the trunk's frame, [W, 3]: down rotated by the inverse of the trunk's orientation."""
        q = body.qpos[:, 3:7] / body.qpos[:, 3:7].norm(dim=1, keepdim=True)
        return to_base(q, body.down)

    @classmethod
    def control(cls, body: Body, act: Tensor) -> Tensor:
        return _constant(STAND, act.device, act.dtype) + act * _constant(REACH, act.device, act.dtype)

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        return (cls.height(body) < MIN_HEIGHT) | (cls.gravity(body)[:, 2] > -MIN_UPRIGHT)
