"""Half-cheetah: a planar runner of seven links and six motors (Wawrzynski 2009; gymnasium's HalfCheetah-v5)."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from envs.robots.robot import Physics, gymnasium_spec, use_fast_physics
from envs.simulation import Simulator

RESET_NOISE = 0.1  # gymnasium HalfCheetah-v5, reset_noise_scale


class HalfCheetah:
    """Observation: qpos without x (8), qvel (9). Never terminates. Control step 5 x 0.01 s = 0.05 s."""

    frame_skip = 5
    obs_dim = 17
    act_dim = 6
    camera_distance = 3.4

    @staticmethod
    def spec(physics: Physics) -> mujoco.MjSpec:
        spec = gymnasium_spec("half_cheetah.xml")
        if physics == "fast":
            use_fast_physics(spec)
        return spec

    @staticmethod
    def observe(sim: Simulator) -> Tensor:
        return torch.cat([sim.qpos[:, 1:], sim.qvel], 1)

    @staticmethod
    def position(sim: Simulator) -> Tensor:
        return sim.qpos[:, 0].clone()

    @staticmethod
    def terminated(sim: Simulator) -> Tensor:
        return torch.zeros(sim.num_worlds, dtype=torch.bool, device=sim.qpos.device)

    @staticmethod
    def perturb(sim: Simulator, generator: torch.Generator) -> None:
        """qpos + U(-0.1, 0.1), qvel + 0.1 N(0, 1)."""
        uniform = torch.rand(sim.qpos.shape, generator=generator, dtype=torch.float64)
        normal = torch.randn(sim.qvel.shape, generator=generator, dtype=torch.float64)
        sim.qpos += (RESET_NOISE * (2 * uniform - 1)).to(sim.qpos)
        sim.qvel += (RESET_NOISE * normal).to(sim.qvel)
