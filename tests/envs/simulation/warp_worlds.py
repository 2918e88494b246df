"""Half-cheetahs on MuJoCo Warp on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import compile_quietly
from envs.simulation import BatchSimulator
from envs.simulation.params import Params
from envs.simulation.warp import WarpSimulator


def controls(sim: WarpSimulator | BatchSimulator, count: int, seed: int = 0) -> Tensor:
    """Random controls, the same for every world, [count, W, A]."""
    generator = torch.Generator().manual_seed(seed)
    sampled = 2 * torch.rand(count, 1, sim.model.nu, generator=generator) - 1
    return sampled.expand(count, sim.num_worlds, sim.model.nu)


def cheetahs(count: int, **options: bool | int) -> WarpSimulator:
    return WarpSimulator(compile_quietly(HalfCheetah.spec()), count, "cpu", **options)  # type: ignore[arg-type]


def scatter(sim: WarpSimulator, seed: int = 0) -> None:
    """A different pose and friction for every world."""
    sim.reset()
    sim.qpos += 0.1 * torch.randn(sim.qpos.shape, generator=torch.Generator().manual_seed(seed))
    params = Params(sim.model, sim.num_worlds)
    params.scale("geom_friction", torch.linspace(0.5, 2.0, sim.num_worlds)[:, None].expand(-1, sim.model.ngeom))
    sim.set_params(params)
    sim.forward()


def drive(sim: WarpSimulator, steps: int) -> Tensor:
    """Positions and velocities after each control step, [steps, W, nq + nv]."""
    states = []
    for ctrl in controls(sim, steps):
        sim.step(ctrl, 5)
        states.append(torch.cat([sim.qpos, sim.qvel], 1))
    return torch.stack(states)
