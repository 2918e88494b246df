"""Humanoid: a biped with arms and 17 motors in three dimensions (Tassa et al. 2012; gymnasium's Humanoid-v5)."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.robots.robot import Body, Robot

HEIGHT = (1.0, 2.0)  # m, gymnasium's healthy_z_range
WHOLE = 1  # body id whose subtree is the whole robot


class Humanoid(Robot):
    """Observation: qpos without x and y (22), qvel (23), inertia (130) and velocity (78) of each body about the centre
    of mass, actuator forces at the joints (17). Fails when it falls or jumps. Control step 5 x 0.003 s.

    This is gymnasium's 270-dimensional variant, `include_cfrc_ext_in_observation=False, contact_cost_weight=0`: contact
    forces are left out, because MuJoCo's batch interface does not compute them as gymnasium does.
    """

    model_file = "humanoid.xml"
    gymnasium_id = "Humanoid-v5"
    frame_skip = 5
    hidden_positions = 2
    height_index = 2
    forward_weight = 1.25
    ctrl_cost = 0.1 * 0.4**2  # gymnasium's 0.1 on controls in [-0.4, 0.4]
    alive_bonus = 5.0
    reset_noise = 1e-2
    legs = ((3, 4, 5, 6), (7, 8, 9, 10))  # right, left
    camera_distance = 5.0
    camera_height = 1.0

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        bodies = [body.field(name)[:, 1:].flatten(1) for name in ("cinert", "cvel")]
        return torch.cat([super().observe(body), *bodies, body.field("qfrc_actuator")[:, 6:]], 1)

    @classmethod
    def position(cls, body: Body) -> Tensor:
        """Of the centre of mass, as of the last substep, as in gymnasium."""
        return body.field("subtree_com")[:, WHOLE, :2].clone()

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        height = cls.height(body)
        return ~((height > HEIGHT[0]) & (height < HEIGHT[1]))
