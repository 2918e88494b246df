"""Half-cheetah: a planar runner of seven links and six motors (Wawrzynski 2009; gymnasium's HalfCheetah-v5)."""

from __future__ import annotations

from envs.robots.robot import Robot


class HalfCheetah(Robot):
    """Observation: qpos without x (8), qvel (9). Never fails. Control step 5 x 0.01 s = 0.05 s."""

    model_file = "half_cheetah.xml"
    gymnasium_id = "HalfCheetah-v5"
    frame_skip = 5
    hidden_positions = 1
    height_index: int | None = 1
    ctrl_cost = 0.05  # Finn et al. 2017; gymnasium's own is 0.1
    legs = ((0, 1, 2), (3, 4, 5))  # back, front
    slope_friction = 1.75  # its stock friction of 0.4 is too low to climb the steeper slopes
    reset_noise = 0.1
    normal_velocity_noise = True
    camera_distance = 3.4
    camera_height = 0.45
