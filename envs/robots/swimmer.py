"""Swimmer: three links and two motors in a viscous fluid (Coulom 2002; gymnasium's Swimmer-v5)."""

from __future__ import annotations

from envs.robots.robot import Robot


class Swimmer(Robot):
    """Observation: qpos without x and y (3), qvel (5). Never fails. Control step 4 x 0.01 s.

    It floats in a plane orthogonal to gravity and touches nothing: a slope pulls it along x.
    """

    model_file = "swimmer.xml"
    gymnasium_id = "Swimmer-v5"
    frame_skip = 4
    hidden_positions = 2
    height_index = None
    ctrl_cost = 1e-4
    reset_noise = 0.1
    camera_distance = 6.0
    camera_height = 0.1
