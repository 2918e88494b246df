"""The worlds of a family of locomotion tasks: reset, step, reward."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from envs.anatomy.anatomy import Anatomy
from envs.core import Task, Tasks
from envs.locomotion import physics
from envs.locomotion.contract import check_reward, check_robot
from envs.locomotion.start import from_start, origin_of
from envs.robots.robot import Robot
from envs.simulation import Simulator
from envs.simulation.params import Params
from envs.terrain.terrain import Surface, Terrain
from envs.variations.variation import Motion, Reward


class Rules(Protocol):
    """The settings of a family that its worlds use; see `envs.locomotion.family.Locomotion`."""

    robot: type[Robot]
    anatomy: Anatomy
    terrain: Terrain | None
    reward: Reward
    ctrl_cost: float
    alive_bonus: float
    action_scale: float

    @property
    def control_step(self) -> float:
        """Seconds between two actions."""

    @property
    def physics_steps(self) -> int:
        """Physics steps of a control step."""


class LocomotionWorlds:
    """`N` tasks times `E` episodes of one robot on one simulator, task-major."""

    def __init__(self, family: Rules, sim: Simulator, tasks: Tasks, episodes: int) -> None:
        self.family = family
        self.sim = sim
        self.episodes = episodes
        self.body = family.robot.body(sim)
        self._surface: Surface | None = None
        self._origin = origin_of(family.robot, family.anatomy)
        motion = check_robot(family.robot, self.body)
        self.set_tasks(tasks)
        check_reward(family.reward, motion, self._task)

    def set_tasks(self, tasks: Tasks, mask: Tensor | None = None) -> None:
        """Set the goal and the physics of every world; states are kept. With `mask` [N, E] bool only the physics of
        those worlds are written, and the tasks of the others have to be what they were.
        """
        columns = tasks.values.repeat_interleave(self.episodes, 0).T.contiguous()  # [P, W]
        task = dict(zip(tasks.names, columns, strict=True))
        device = self.sim.qpos.device
        self._task = {name: column.to(device) for name, column in task.items()}
        self._surface = None if self.family.terrain is None else self.family.terrain.surface(self._task)
        params = self._params_of(task)
        enabled = params.motors_enabled
        self._motors_enabled = None if enabled is None else enabled.to(device)
        if "opt.gravity" in params:
            self.body.down = (params["opt.gravity"] / params["opt.gravity"].norm(dim=1, keepdim=True)).to(self.sim.qpos)
        self.sim.set_params(params, None if mask is None else mask.flatten())
        self.params = params

    def _params_of(self, task: Task) -> Params:
        """The physics of every world, from the numbers of its task on the CPU."""
        params = Params(self.sim.model, self.sim.num_worlds, self.family.anatomy)
        if self.family.terrain is not None:
            self.family.terrain.apply(params, task)
        physics.apply(params, task, self.family.robot)
        return params

    def task_of(self, world: int) -> dict[str, float]:
        """The numbers of the task of one world."""
        return {name: float(column[world]) for name, column in self._task.items()}

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E] bool, or all; returns obs [N, E, O] of every world."""
        mask = None if mask is None else mask.flatten().to(self.sim.qpos.device)
        self.sim.reset(mask)
        self.family.robot.reset_state(self.sim, generator, mask)
        self.sim.forward(mask)
        self.body.act = torch.zeros_like(self.body.act) if mask is None else self.body.act * ~mask[:, None]
        self.sim.fill_history(self.family.robot.control(self.body, torch.zeros_like(self.body.act)), mask)
        self._update_ground(self.family.robot.position(self.body))
        return self._per_task(self.family.robot.observe(self.body))

    @torch.no_grad()
    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Scale actions [N, E, A] from policy units, clip them to [-1, 1] and hold them for one control step.

        Returns obs [N, E, O], rew, terminated, diverged [N, E]. A NaN action makes the simulation of its world diverge.
        A diverged world is back at the model's initial state when it is observed, so that observations are finite; its
        reward is meaningless.
        """
        family, robot, body = self.family, self.family.robot, self.body
        before = robot.position(body)
        diverged = self._simulate(act)
        after = robot.position(body)
        self._update_ground(after)
        motion = Motion(after, robot.velocity(body, after - before, family.control_step))
        terminated = robot.terminated(body)
        rew = self._reward(motion, terminated)
        per_task = self._per_task
        return per_task(robot.observe(body)), per_task(rew), per_task(terminated), per_task(diverged)

    def _simulate(self, act: Tensor) -> Tensor:
        """Hold actions [N, E, A] for one control step; returns the worlds that diverged, [W] bool."""
        robot, sim, body = self.family.robot, self.sim, self.body
        body.act = (act.flatten(0, 1).to(sim.qpos) / self.family.action_scale).clamp(-1.0, 1.0)  # [W, A]
        sim.step(robot.control(body, body.act), self.family.physics_steps)
        return sim.diverged

    def _reward(self, motion: Motion, terminated: Tensor) -> Tensor:
        family, robot = self.family, self.family.robot
        rew = family.reward(motion, self._task)
        if robot.forward_weight != 1.0:
            rew = rew * robot.forward_weight
        if family.ctrl_cost:
            enabled = self._motors_enabled  # a disabled motor costs nothing
            spent = self.body.act if enabled is None else self.body.act * enabled
            rew = rew - family.ctrl_cost * spent.square().sum(1)
        if family.alive_bonus:
            rew = rew + (family.alive_bonus if robot.pays_last_step else family.alive_bonus * ~terminated)
        cost = robot.extra_cost(self.body)
        return rew if cost is None else rew - cost

    def _update_ground(self, place: Tensor) -> None:
        if self._surface is not None:
            ground, height = self._surface(from_start(place, self._origin)), self.family.anatomy.start[2]
            self.body.ground = ground + height if height else ground

    def _per_task(self, x: Tensor) -> Tensor:
        return x.view(-1, self.episodes, *x.shape[1:])  # [W, ...] -> [N, E, ...]
