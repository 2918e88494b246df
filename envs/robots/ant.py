"""Ant: a four-legged robot with eight motors in three dimensions (Schulman et al. 2016; gymnasium's Ant-v5)."""

from __future__ import annotations

from torch import Tensor

from envs.robots.robot import Body, Robot

HEIGHT = (0.2, 1.0)  # m, gymnasium's healthy_z_range
TORSO = 1  # body id


class Ant(Robot):
    """Observation: qpos without x and y (13), qvel (14). Fails when it lies or jumps. Control step 5 x 0.01 s.

    This is gymnasium's 27-dimensional variant, `include_cfrc_ext_in_observation=False, contact_cost_weight=0`: contact
    forces are left out, as in PEARL, because MuJoCo's batch interface does not compute them as gymnasium does.
    """

    model_file = "ant.xml"
    gymnasium_id = "Ant-v5"
    frame_skip = 5
    hidden_positions = 2
    height_index = 2
    legs = ((2, 3), (4, 5), (6, 7), (0, 1))  # front left, front right, back left, back right
    ctrl_cost = 0.5
    alive_bonus = 1.0
    reset_noise = 0.1
    normal_velocity_noise = True
    camera_distance = 5.0
    camera_height = 0.5

    @classmethod
    def position(cls, body: Body) -> Tensor:
        """Of the torso's frame, as of the last substep, as in gymnasium."""
        return body.field("xpos")[:, TORSO, :2].clone()

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        height = cls.height(body)
        return ~((height >= HEIGHT[0]) & (height <= HEIGHT[1]))
