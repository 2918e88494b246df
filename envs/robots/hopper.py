"""Hopper: a planar one-legged jumper of four links and three motors (Erez et al. 2011; gymnasium's Hopper-v5)."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.robots.robot import Body, Robot

MIN_HEIGHT = 0.7  # m, gymnasium's healthy_z_range
MAX_ANGLE = 0.2  # rad, healthy_angle_range
MAX_STATE = 100.0  # healthy_state_range


class Hopper(Robot):
    """Observation: qpos without x (5), clipped qvel (6). Fails when it tips over. Control step 4 x 0.002 s."""

    model_file = "hopper.xml"
    gymnasium_id = "Hopper-v5"
    frame_skip = 4
    hidden_positions = 1
    height_index = 1
    max_velocity = 10.0
    ctrl_cost = 1e-3
    alive_bonus = 1.0
    reset_noise = 5e-3
    camera_distance = 4.2
    camera_height = 0.8

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        largest = torch.linalg.vector_norm
        upright = (cls.height(body) > MIN_HEIGHT) & (body.qpos[:, 2].abs() < MAX_ANGLE)
        sane = (largest(body.qpos[:, 2:], torch.inf, 1) < MAX_STATE) & (largest(body.qvel, torch.inf, 1) < MAX_STATE)
        fallen: Tensor = ~(upright & sane)
        return fallen
