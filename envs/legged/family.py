"""Legged: a robot that follows a velocity command, over terrain and dynamics -> a distribution of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal

import mujoco
import torch
from torch import Tensor

from envs.anatomy.anatomy import posed
from envs.anatomy.names import PREFIX
from envs.core import Space, Task, Tasks, Variable
from envs.legged.base import actuated_joints, check_base, free_joint
from envs.legged.defaults import COMMAND, NEUTRAL, NOISE, PUSH, WEIGHTS, Command, HeightScan, Push
from envs.legged.feet import TOUCH, add_touch, find_feet, other_bodies
from envs.legged.scan import POINTS
from envs.legged.signals import signals_of
from envs.legged.worlds import LeggedWorlds
from envs.locomotion.checks import check_fit
from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.models import Physics
from envs.robots.robot import Robot
from envs.robots.signals import Signal
from envs.simulation import Simulator
from envs.variations.variation import Motion


class Legged(Locomotion):
    """A robot with feet that has to follow a command (forwards, sideways, turning), given in every observation.

    robot: a name of `envs.robots.ROBOTS`, or a subclass of `Robot`, with a free joint and a floor.
    variables: any of terrain and dynamics (`envs.variations`), and events (`envs.legged.events`).
    command: what is commanded. weights: of reward terms (`envs.legged.rewards`). positive_reward: rewards below 0 are
        cut at 0. noise: of each channel (`envs.legged.sensing`), in its unit. sensor_delay: control steps by which
        measurements are late. height_scan: who is told the ground around the robot: `none`, the `critic` (and whoever
        observes the task), or the `policy`. push: see `Push`.
    others: as `Locomotion`.

    Raises ValueError for a robot that this does not fit.
    """

    has_events: ClassVar[bool] = True
    has_success: ClassVar[bool] = True  # whether rollouts tell `success`

    def __init__(
        self,
        robot: str | type[Robot],
        variables: tuple[Variable, ...] = (),
        *,
        command: Command = COMMAND,
        weights: Mapping[str, float] | None = None,
        positive_reward: bool = True,
        noise: Mapping[str, float] | None = None,
        sensor_delay: int = 0,
        height_scan: HeightScan = "none",
        push: Push = PUSH,
        physics: Physics = "fast",
        substeps: int = 1,
        horizon: int = 1000,
        action_scale: float = 1.0,
        num_threads: int = 0,
        simulator: Literal["cpu", "gpu"] = "cpu",
        device: str = "cuda",
        deterministic: bool = False,
    ) -> None:
        kind = ROBOTS[robot] if isinstance(robot, str) else robot
        check_base(kind)
        names = {v.name for v in variables}
        check_fit(kind, names, own_reward=False, events=True)
        if "event_s" in names and not names & set(NEUTRAL):
            raise ValueError(f"event_s has no effect on its own: vary one of {', '.join(NEUTRAL)} too")
        self.command, self.positive_reward = command, positive_reward
        self.weights: Mapping[str, float] = dict(WEIGHTS if weights is None else weights)
        self.noise: Mapping[str, float] = dict(NOISE if noise is None else noise)
        self.sensor_delay, self.push, self.height_scan = sensor_delay, push, height_scan
        self.feet = find_feet(kind)
        self._others = other_bodies(kind, self.feet)
        self.base_qpos, self.base_dof = free_joint(kind)
        self.standing_height = _standing_height(kind)
        super().__init__(
            kind,
            variables,
            reward=_none,
            physics=physics,
            substeps=substeps,
            horizon=horizon,
            action_scale=action_scale,
            num_threads=num_threads,
            simulator=simulator,
            device=device,
            deterministic=deterministic,
        )
        self.privileged_names = self._privileged_names()
        self.space = Space(self._observed(), self.model.nu, privileged=len(self.privileged_names))

    def spec(self, physics: Physics = "fast") -> mujoco.MjSpec:
        """The editable model: the robot's own, what its terrain and dynamics need, and touch sensors."""
        spec = super().spec(physics)
        add_touch(spec, self.robot, self.feet, self._others)
        return spec

    def signals(self) -> tuple[Signal, ...]:
        """What each number of an observation is."""
        return signals_of(self.model, self.robot, scans=self.height_scan == "policy")

    @cached_property
    def soles(self) -> Tensor:
        """The geoms of the feet, as indices of the model, [S]."""
        return _own_geoms(self.model)[[geom for foot in self.feet for geom in foot.geoms]]

    @cached_property
    def touch_soles(self) -> slice:
        """The touch sensors of the soles, as entries of `sensordata`."""
        first = int(self.model.sensor(f"{TOUCH}0").adr[0])
        return slice(first, first + len(self.soles))

    @cached_property
    def touch_others(self) -> slice:
        """The touch sensors of the other bodies."""
        return slice(self.touch_soles.stop, self.touch_soles.stop + len(self._others))

    @cached_property
    def soles_of_others(self) -> Tensor:
        """Which soles are part of the other bodies that are sensed, [S, bodies] of 0 and 1."""
        bodies = [foot.body for foot in self.feet for _ in foot.geoms]
        return (torch.tensor(bodies)[:, None] == torch.tensor(self._others)[None]).double()

    @cached_property
    def standing_soles(self) -> Tensor:
        """Where the soles are along the axis of the base that points up while the robot stands, [S] m."""
        own = self.robot.understood()
        data, root = posed(own.model, own.pose.qpos), own.anatomy.root
        geoms = [geom for foot in self.feet for geom in foot.geoms]
        return torch.from_numpy((data.geom_xpos[geoms] - data.xpos[root]) @ data.xmat[root].reshape(3, 3)[:, 2])

    def _worlds(self, sim: Simulator, tasks: Tasks, episodes: int) -> LeggedWorlds:
        return LeggedWorlds(self, sim, tasks, episodes)

    def _observed(self) -> int:
        """The width of observations: measured, commanded, and the latest action."""
        joints = len(actuated_joints(self.robot).qpos)
        return 3 + 3 + 2 * joints + (POINTS if self.height_scan == "policy" else 0) + 3 + int(self.model.nu)

    def _privileged_names(self) -> tuple[str, ...]:
        """Velocity of the base and contacts of the feet; the ground where it is scanned for the critic; whether the
        event has happened, and which motor has failed.
        """
        names = ["lin_vel_x", "lin_vel_y", "lin_vel_z", *(f"contact_{foot.name}" for foot in self.feet)]
        if self.height_scan == "critic":
            names += [f"height_{i}" for i in range(POINTS)]
        if "event_s" in self.names:
            names.append("event")
        if "event_motor" in self.names:
            names += [f"failed_{self.model.actuator(i).name or i}" for i in range(self.model.nu)]
        return tuple(names)


def _none(motion: Motion, task: Task) -> Tensor:
    """The reward is that of the terms."""
    return torch.zeros_like(motion.position[:, 0])


def _standing_height(robot: type[Robot]) -> float:
    """Height of the base over the ground at the start, m."""
    own = robot.understood()
    data = posed(own.model, own.pose.qpos)
    return float(data.xpos[own.anatomy.root, 2]) - own.anatomy.start[2]


def _own_geoms(model: mujoco.MjModel) -> Tensor:
    """The geoms that a model had before anything was added, in their order."""
    return torch.tensor([g for g in range(model.ngeom) if not model.geom(g).name.startswith(PREFIX)])
