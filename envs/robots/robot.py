"""What every body tells about itself; a body's own file states what differs."""

from __future__ import annotations

import math
import warnings
from importlib.resources import files
from typing import Literal

import mujoco
import torch
from torch import Tensor

from envs.simulation import Simulator

Physics = Literal["fast", "gymnasium"]


class Robot:
    """A body of the gymnasium package: model, observation, progress, failure, reset noise; all over `[W, ...]`."""

    model_file: str  # of gymnasium's assets
    gymnasium_id: str  # the environment that `physics: gymnasium` equals
    frame_skip: int  # physics steps of a control step
    obs_dim: int
    act_dim: int
    hidden_positions: int = 1  # leading entries of qpos that are not observed: where the body is
    max_velocity: float = math.inf  # observed velocities are clipped to this, m/s and rad/s
    ctrl_cost: float  # weight of |a|^2, a in [-1, 1], in the published reward
    alive_bonus: float = 0.0  # for each step in which the body has not failed, in the published reward
    reset_noise: float  # qpos + U(-noise, noise)
    normal_velocity_noise: bool = False  # qvel + noise * N(0, 1), else + U(-noise, noise)
    camera_distance: float  # m
    camera_height: float  # m above the ground, of the point looked at

    @classmethod
    def spec(cls, physics: Physics) -> mujoco.MjSpec:
        """The editable model, as it is or with fast physics."""
        spec = mujoco.MjSpec.from_file(str(files("gymnasium") / "envs" / "mujoco" / "assets" / cls.model_file))
        if physics == "fast":
            use_fast_physics(spec)
        return spec

    @classmethod
    def observe(cls, sim: Simulator) -> Tensor:
        """Joint positions and velocities, [W, O] float64."""
        velocity = sim.qvel.clamp(-cls.max_velocity, cls.max_velocity)
        return torch.cat([sim.qpos[:, cls.hidden_positions :], velocity], 1)

    @classmethod
    def position(cls, sim: Simulator) -> Tensor:
        """Place along x in m, [W]: a fresh tensor."""
        return sim.qpos[:, 0].clone()

    @classmethod
    def terminated(cls, sim: Simulator) -> Tensor:
        """Whether the body has failed, [W] bool; by default it cannot."""
        return torch.zeros(sim.num_worlds, dtype=torch.bool, device=sim.qpos.device)

    @classmethod
    def perturb(cls, sim: Simulator, generator: torch.Generator, mask: Tensor | None = None) -> None:
        """Add the reset noise to the worlds of `mask` [W]; drawn for all of them, and on the CPU, so that every
        backend starts alike.
        """
        position = torch.rand(sim.qpos.shape, generator=generator, dtype=torch.float64)
        draw = torch.randn if cls.normal_velocity_noise else torch.rand
        velocity = draw(sim.qvel.shape, generator=generator, dtype=torch.float64)
        velocity = velocity if cls.normal_velocity_noise else 2 * velocity - 1
        size = cls.reset_noise if mask is None else cls.reset_noise * mask.double()[:, None]
        sim.qpos += (size * (2 * position - 1)).to(sim.qpos)
        sim.qvel += (size * velocity).to(sim.qvel)


def compile_quietly(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile without MuJoCo's notice that the published models use the deprecated `settotalmass`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*settotalmass.*")
        return spec.compile()


def use_fast_physics(spec: mujoco.MjSpec) -> None:
    """Newton solver, elliptic cone, implicitfast: stable, quick, and the same on every backend."""
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
