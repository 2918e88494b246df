"""What every body tells about itself."""

from __future__ import annotations

import warnings
from importlib.resources import files
from typing import Literal, Protocol

import mujoco
import torch
from torch import Tensor

from envs.simulation import Simulator

Physics = Literal["fast", "gymnasium"]


class Robot(Protocol):
    """A body: model, observation, progress, failure and reset noise, written once over `[W, ...]`."""

    frame_skip: int
    obs_dim: int
    act_dim: int
    camera_distance: float  # m

    @staticmethod
    def spec(physics: Physics) -> mujoco.MjSpec:
        """The editable model."""

    @staticmethod
    def observe(sim: Simulator) -> Tensor:
        """Proprioception, [W, O] float64."""

    @staticmethod
    def position(sim: Simulator) -> Tensor:
        """Place along x in m, [W]: a fresh tensor."""

    @staticmethod
    def terminated(sim: Simulator) -> Tensor:
        """Whether the body has failed (fallen), [W] bool."""

    @staticmethod
    def perturb(sim: Simulator, generator: torch.Generator) -> None:
        """Add the reset noise of the published environment to the state of every world."""


def gymnasium_spec(filename: str) -> mujoco.MjSpec:
    """An MJCF file of the installed gymnasium package."""
    return mujoco.MjSpec.from_file(str(files("gymnasium") / "envs" / "mujoco" / "assets" / filename))


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
