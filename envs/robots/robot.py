"""`Robot`: model, control, observation, reward terms, termination and reset of a robot; subclasses say what differs."""

from __future__ import annotations

import math
import warnings
from importlib.resources import files
from pathlib import Path
from typing import Literal

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs import rng as rng
from envs.robots.mjcf import checked
from envs.simulation import Simulator

Physics = Literal["fast", "gymnasium"]
_UNIT = np.array([-1.0, 1.0])  # the range of a motor without a control range


class Body:
    """The state of `W` worlds of a robot, the ground below it, and its latest action."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.ground: Tensor | None = None  # [W] height of the ground below the torso in m; None if it is flat
        self.down = torch.tensor([[0.0, 0.0, -1.0]]).to(sim.qpos).expand(sim.num_worlds, 3)  # direction of gravity
        self.act = torch.zeros_like(sim.ctrl)  # [W, A] the latest action, in [-1, 1]; NaN is possible
        limits = torch.from_numpy(
            np.where(sim.model.actuator_ctrllimited[:, None], sim.model.actuator_ctrlrange, _UNIT)
        )
        low, high = limits.to(sim.qpos).T
        self.rest, self.reach = (low + high) / 2, (high - low) / 2  # [A] middle and half width of the motors' range
        self.is_unit = bool((low == -1).all() and (high == 1).all())  # controls are actions already

    @property
    def qpos(self) -> Tensor:
        """[W, nq], live."""
        return self.sim.qpos

    @property
    def qvel(self) -> Tensor:
        """[W, nv], live."""
        return self.sim.qvel

    def field(self, name: str) -> Tensor:
        """A derived field by its MuJoCo name, [W, ...]."""
        return self.sim.field(name)

    def above_ground(self, height: Tensor) -> Tensor:
        """Global heights [W] minus the height of the ground below the torso, [W] m."""
        return height if self.ground is None else height - self.ground


class Robot:
    """A robot; all methods are class methods over `[W, ...]`.

    Defaults are those of gymnasium's planar robots. `qpos` has to start with the position: x, then whatever else is not
    observed.
    """

    model_file: str | Path  # path of an MJCF file; with `gymnasium_id` the name of an asset of gymnasium
    gymnasium_id: str | None = None  # the environment that `physics: gymnasium` equals
    frame_skip: int  # physics steps of a control step
    hidden_positions: int = 1  # leading entries of qpos that are not observed: the position
    height_index: int | None = 1  # index of the height in qpos; None if it never touches the ground
    max_velocity: float = math.inf  # observed velocities are clipped to this, m/s and rad/s
    forward_weight: float = 1.0  # weight of the goal's reward in the published reward
    ctrl_cost: float = 0.0  # weight of |a|^2, a in [-1, 1], in the published reward
    alive_bonus: float = 0.0  # added for each step without failure, in the published reward
    pays_last_step: bool = False  # whether the step in which it fails gets that bonus too
    start: tuple[float, ...] | None = None  # qpos at the start of an episode; by default that of the model
    reset_noise: float = 0.0  # qpos + U(-noise, noise)
    normal_position_noise: bool = False  # + noise * N(0, 1) instead
    velocity_noise: float | None = None  # qvel + U(-noise, noise); by default as much as for qpos
    normal_velocity_noise: bool = False  # + noise * N(0, 1) instead
    fresh: bool = False  # derived fields describe the state after the step, not before its last substep
    legs: tuple[tuple[int, ...], ...] = ()  # the motors of each leg
    slope_friction: float | None = None  # multiplier of the friction on slopes, where the stock friction is too low
    camera_distance: float = 4.0  # m
    camera_height: float = 0.5  # m above the ground of the point that the camera looks at

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        """The editable model. Raises ValueError for a file that is not safe to load, or cannot be read."""
        stock = files("gymnasium") / "envs" / "mujoco" / "assets" / cls.model_file
        spec = mujoco.MjSpec.from_file(str(checked(Path(str(stock if cls.gymnasium_id else cls.model_file)))))
        if physics == "fast":
            use_fast_physics(spec)
        return spec

    @classmethod
    def is_planar(cls) -> bool:
        """Whether it can only move along x."""
        return cls.hidden_positions < 2

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        """Joint positions and velocities, [W, O] float64; the height is that over the ground."""
        velocity = body.qvel
        if cls.max_velocity < math.inf:
            velocity = velocity.clamp(-cls.max_velocity, cls.max_velocity)
        obs = torch.cat([body.qpos[:, cls.hidden_positions :], velocity], 1)
        if body.ground is not None and cls.height_index is not None:
            obs[:, cls.height_index - cls.hidden_positions] -= body.ground
        return obs

    @classmethod
    def height(cls, body: Body) -> Tensor:
        """Height of the torso over the ground in m, [W]."""
        return body.above_ground(body.qpos[:, cls.height_index or 0])

    @classmethod
    def position(cls, body: Body) -> Tensor:
        """Position in m, a new tensor: [W, 1] x for planar robots, else [W, 2] x and y."""
        return body.qpos[:, : min(max(cls.hidden_positions, 1), 2)].clone()

    @classmethod
    def velocity(cls, body: Body, moved: Tensor, seconds: float) -> Tensor:
        """Velocity in m/s, [W, 1 or 2]; `moved` is the change of `position` in a control step of `seconds`."""
        speed: Tensor = moved / seconds
        return speed

    @classmethod
    def control(cls, body: Body, act: Tensor) -> Tensor:
        """Controls [W, nu] of actions [W, nu] in [-1, 1]: by default the full control range of every motor."""
        return act if body.is_unit else act * body.reach + body.rest

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        """Whether the robot has failed, [W] bool; by default never."""
        return torch.zeros(body.sim.num_worlds, dtype=torch.bool, device=body.qpos.device)

    @classmethod
    def extra_cost(cls, body: Body) -> Tensor | None:
        """Further costs of the published reward, such as for contact forces, [W]."""
        return None

    @classmethod
    def reset_state(cls, sim: Simulator, generator: torch.Generator, mask: Tensor | None = None) -> None:
        """Put the worlds of `mask` [W] bool into the start pose and add reset noise.

        The noise is sampled for all worlds on the device of the generator, so that all backends start alike.
        """
        if cls.start is not None:
            chosen = slice(None) if mask is None else mask
            sim.qpos[chosen] = torch.tensor(cls.start, dtype=torch.float64).to(sim.qpos)
        scale = 1.0 if mask is None else mask.to(generator.device).double()[:, None]
        speed = cls.reset_noise if cls.velocity_noise is None else cls.velocity_noise
        sim.qpos += (scale * cls.reset_noise * _noise(sim.qpos, cls.normal_position_noise, generator)).to(sim.qpos)
        sim.qvel += (scale * speed * _noise(sim.qvel, cls.normal_velocity_noise, generator)).to(sim.qvel)


def _noise(like: Tensor, normal: bool, generator: torch.Generator) -> Tensor:
    if normal:
        return rng.normal(like.shape, generator, dtype=torch.float64)
    return 2 * rng.uniform(like.shape, generator, dtype=torch.float64) - 1


def compile_quietly(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile without MuJoCo's warning that the published models use the deprecated `settotalmass`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*settotalmass.*")
        return spec.compile()


def use_fast_physics(spec: mujoco.MjSpec) -> None:
    """Newton solver, elliptic cone, implicitfast: stable, fast, and available on every backend."""
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON


def add_sensor(spec: mujoco.MjSpec, kind: mujoco.mjtSensor, body: str) -> None:
    """Add a sensor to a body. An acceleration sensor makes MuJoCo compute contact forces (`cfrc_ext`) too."""
    spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_BODY, objname=body)
