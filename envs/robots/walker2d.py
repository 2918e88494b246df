"""Walker: a planar biped of seven links and six motors (Erez et al. 2011; gymnasium's Walker2d-v5)."""

from __future__ import annotations

from torch import Tensor

from envs.robots.robot import Body, Robot

HEIGHT = (0.8, 2.0)  # m, gymnasium's healthy_z_range
MAX_ANGLE = 1.0  # rad, healthy_angle_range


class Walker2d(Robot):
    """Observation: qpos without x (8), clipped qvel (9). Fails when it falls. Control step 4 x 0.002 s."""

    model_file = "walker2d_v5.xml"
    gymnasium_id = "Walker2d-v5"
    frame_skip = 4
    hidden_positions = 1
    height_index = 1
    max_velocity = 10.0
    ctrl_cost = 1e-3
    alive_bonus = 1.0
    legs = ((0, 1, 2), (3, 4, 5))  # right, left
    reset_noise = 5e-3
    camera_distance = 4.2
    camera_height = 0.8

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        height, angle = cls.height(body), body.qpos[:, 2]
        return ~((height > HEIGHT[0]) & (height < HEIGHT[1]) & (angle.abs() < MAX_ANGLE))
