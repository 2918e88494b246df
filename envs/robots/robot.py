"""`Robot`: model, control, observation, reward terms, termination and reset of a robot; subclasses say what differs."""

from __future__ import annotations

import logging
import math
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import mujoco
import torch
from torch import Tensor

from envs import rng as rng
from envs.anatomy.added import original
from envs.anatomy.anatomy import Anatomy, understand
from envs.robots.body import Body
from envs.robots.mjcf import checked
from envs.robots.models import FAST, Physics, add_sensor, compile_quietly, load, replaced_options, stamp, use_physics
from envs.robots.signals import Signal, stock_signals
from envs.robots.understood import Understood, stated, work_out
from envs.simulation import Simulator
from envs.terrain.terrain import Site

log = logging.getLogger(__name__)

__all__ = ["Body", "Physics", "Robot", "add_sensor", "compile_quietly"]


class Robot:
    """A robot; all methods are class methods over `[W, ...]`.

    What is `auto` or None is found from the model's structure, see `envs.anatomy`.
    """

    model_file: str | Path  # path of an MJCF file; with `gymnasium_id` the name of an asset of gymnasium
    gymnasium_id: str | None = None  # the environment that `physics: gymnasium` equals
    frame_skip: int  # physics steps of a control step
    root: str | None = None  # the body that counts as its place; by default the first that moves
    floor: str | None = None  # the geom that it stands on; by default the level surface below it
    hidden_positions: int | Literal["auto"] = "auto"  # leading entries of qpos not observed; auto: the position
    height_index: int | Literal["auto"] | None = "auto"  # of the height in qpos; None if it never touches the ground
    max_velocity: float = math.inf  # observed velocities are clipped to this, m/s and rad/s
    forward_weight: float = 1.0  # weight of the goal's reward in the published reward
    ctrl_cost: float = 0.0  # weight of |a|^2, a in [-1, 1], in the published reward
    alive_bonus: float = 0.0  # added for each step without failure, in the published reward
    pays_last_step: bool = False  # whether the step in which it fails gets that bonus too
    start: str | tuple[float, ...] | None = None  # a keyframe or qpos; by default the only keyframe, `home` or `stand`
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
        spec = load(cls.file())
        if physics == "fast":
            use_physics(spec, FAST)
        return spec

    @classmethod
    def file(cls) -> Path:
        """The MJCF file. Raises ValueError for one that is not safe to load."""
        stock = files("gymnasium") / "envs" / "mujoco" / "assets" / cls.model_file
        return checked(Path(str(stock if cls.gymnasium_id else cls.model_file)))

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        """Joint positions, velocities and activations, [W, O] float64; the height is that over the ground."""
        velocity = body.qvel
        if cls.max_velocity < math.inf:
            velocity = velocity.clamp(-cls.max_velocity, cls.max_velocity)
        qpos = body.qpos
        if body.ground is not None and cls.height_index is not None and body.anatomy.height is not None:
            qpos = qpos.clone()
            qpos[:, body.anatomy.height] -= body.ground
        parts = [*(qpos[:, piece] for piece in body.anatomy.observed), velocity]
        return torch.cat([*parts, body.sim.activation] if body.sim.model.na else parts, 1)

    @classmethod
    def signals(cls, model: mujoco.MjModel) -> tuple[Signal, ...]:
        """What each number of `observe` is; none, if a subclass observes something else and does not say what."""
        is_stock = getattr(cls.observe, "__func__", None) is Robot.observe.__func__  # type: ignore[attr-defined]
        return stock_signals(model, cls.anatomy(model)) if is_stock else ()

    @classmethod
    def height(cls, body: Body) -> Tensor:
        """Height of the torso over the ground in m, [W]."""
        height = body.qpos[:, body.anatomy.height or 0]
        shift = body.anatomy.shift[2]
        return body.above_ground(height + shift if shift else height)

    @classmethod
    def position(cls, body: Body) -> Tensor:
        """Position in m, a new tensor: [W, 1] x for planar robots, else [W, 2] x and y."""
        if not body.anatomy.position:
            return body.field("subtree_com")[:, body.anatomy.root, :2].clone()
        return body.qpos[:, list(body.anatomy.position)]

    @classmethod
    def tells_stock_position(cls) -> bool:
        """Whether its place is read from the model, and not told by a method of its own."""
        return getattr(cls.position, "__func__", None) is Robot.position.__func__  # type: ignore[attr-defined]

    @classmethod
    def is_planar(cls) -> bool:
        """Whether it can only move along x."""
        return len(cls.understood().anatomy.position) == 1

    @classmethod
    def understood(cls) -> Understood:
        """What its model consists of, and where it starts; worked out once.

        Raises ValueError, in one sentence, for a model or class attributes that are not understood.
        """
        return _understood(cls)  # type: ignore[arg-type]  # mypy takes a class for its instances

    @classmethod
    def root_of(cls, spec: mujoco.MjSpec) -> mujoco.MjsBody:
        """The body of an editable model of it that counts as its place."""
        return original(spec.bodies, cls.understood().anatomy.root)

    @classmethod
    def site(cls, spec: mujoco.MjSpec) -> Site | None:
        """Where a ground is built in an editable model of it; None without a floor.

        Raises ValueError where the file was changed since the class was first used.
        """
        if stamp(cls.model_file) != cls.understood().stamp:
            raise ValueError(f"{cls.model_file} was changed while it was in use: make the robot anew, or start again")
        own = cls.understood().anatomy
        return Site(original(spec.geoms, own.floor.geom), own.start, own.floor.up) if own.floor else None

    @classmethod
    def body(cls, sim: Simulator) -> Body:
        """What its methods see of the worlds of a simulator."""
        own = cls.understood()
        return Body(sim, cls.anatomy(sim.model), own.limits, own.pose.hold)

    @classmethod
    def anatomy(cls, model: mujoco.MjModel) -> Anatomy:
        """What a model of it consists of, the class attributes taken into account."""
        own, pose = cls.understood().anatomy, cls.understood().pose
        found = stated(cls, understand(model, cls.root, cls.floor, pose.qpos))
        return found._replace(start=own.start, shift=own.shift)

    @classmethod
    def velocity(cls, body: Body, moved: Tensor, seconds: float) -> Tensor:
        """Velocity in m/s, [W, 1 or 2]; `moved` is the change of `position` in a control step of `seconds`."""
        speed: Tensor = moved / seconds
        return speed

    @classmethod
    def control(cls, body: Body, act: Tensor) -> Tensor:
        """Controls [W, nu] of actions [W, nu] in [-1, 1]: by default the full range of every motor; 0 is the middle, or
        what the keyframe holds that it starts from."""
        return body.controls(act)

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
        """Put the worlds of `mask` [W] bool, which were reset, into the start pose and add reset noise.

        The noise is sampled for all worlds on the device of the generator, so that all backends start alike.
        """
        pose, chosen = cls.understood().pose, slice(None) if mask is None else mask
        for live, start in ((sim.qpos, pose.qpos), (sim.qvel, pose.qvel), (sim.activation, pose.act)):
            if start is not None:
                live[chosen] = torch.from_numpy(start).to(live)
        scale = 1.0 if mask is None else mask.to(generator.device).double()[:, None]
        speed = cls.reset_noise if cls.velocity_noise is None else cls.velocity_noise
        sim.qpos += (scale * cls.reset_noise * _noise(sim.qpos, cls.normal_position_noise, generator)).to(sim.qpos)
        sim.qvel += (scale * speed * _noise(sim.qvel, cls.normal_velocity_noise, generator)).to(sim.qvel)


def _noise(like: Tensor, normal: bool, generator: torch.Generator) -> Tensor:
    if normal:
        return rng.normal(like.shape, generator, dtype=torch.float64)
    return 2 * rng.uniform(like.shape, generator, dtype=torch.float64) - 1


@cache
def _understood(robot: type[Robot]) -> Understood:
    own_control = getattr(robot.control, "__func__", None) is not Robot.control.__func__  # type: ignore[attr-defined]
    stock = robot.gymnasium_id is None and getattr(robot.spec, "__func__", None) is Robot.spec.__func__  # type: ignore[attr-defined]
    replaced = replaced_options(load(robot.file())) if stock else []
    own = work_out(robot, robot.spec(), replaced, own_control=own_control)
    if own.notes and robot.gymnasium_id is None:
        log.warning("%s: %s", robot.__name__, "; ".join(own.notes))
    return own
