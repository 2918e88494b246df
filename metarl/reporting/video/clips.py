"""Clips: the poses and rewards of one episode, recorded while a policy acts.

Axes: `T` steps, `N` tasks, `E` episodes of a task, `W` = N * E worlds, `nq` coordinates of a pose.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.core import Policy, Tasks, Trajectories
from envs.legged.worlds import LeggedWorlds
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import commanded
from envs.locomotion.words import describe
from envs.locomotion.worlds import LocomotionWorlds
from envs.rollout import rollout


class Clip(NamedTuple):
    """One episode to be rendered."""

    title: str
    task: str  # in words
    numbers: dict[str, float]  # of the task
    is_planar: bool
    ended: int | None  # the step at which the robot failed
    poses: NDArray[np.float64]  # [T + 1, nq]
    rewards: NDArray[np.float64]  # [T]
    world: mujoco.MjModel  # the model of its world, with terrain and payload
    commands: NDArray[np.float64] | None = None  # [T + 1, 3] in the frame of the base, of robots that follow one

    def numbers_at(self, t: int) -> dict[str, float]:
        """The numbers of the task, with the command of step t as a speed and a heading."""
        if self.commands is None:
            return self.numbers
        return commanded(self.numbers, self.commands[t], self.poses[t])


class RecordingWorlds:
    """Worlds that keep the pose of every step."""

    def __init__(self, worlds: LocomotionWorlds) -> None:
        self.worlds = worlds
        self.poses: list[Tensor] = []  # [W, nq] of each step
        self.commands: list[Tensor] = []  # [W, 3] of each step, of legged robots

    def reset(self, generator: torch.Generator) -> Tensor:
        obs = self.worlds.reset(generator)
        self.poses, self.commands = [], []
        self._keep()
        return obs

    def _keep(self) -> None:
        self.poses.append(self.worlds.sim.qpos.clone())
        if isinstance(self.worlds, LeggedWorlds):
            self.commands.append(self.worlds.carried.command.clone())

    def privileged(self) -> Tensor:
        """What only teachers and oracles are told, of legged robots."""
        assert isinstance(self.worlds, LeggedWorlds)
        return self.worlds.privileged()

    def results(self) -> dict[str, Tensor]:
        """What came of the episodes, of legged robots."""
        return self.worlds.results() if isinstance(self.worlds, LeggedWorlds) else {}

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out = self.worlds.step(act)
        self._keep()
        return out


class RecordingFamily:
    """A locomotion family that keeps the poses of every round of rollouts."""

    def __init__(self, family: Locomotion) -> None:
        self._family = family
        self.rounds: list[Tensor] = []  # [T + 1, W, nq] of each round
        self.commands: list[Tensor] = []  # [T + 1, W, 3] of each round; empty without commands

    def __getattr__(self, name: str) -> object:
        return getattr(self._family, name)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        recording = RecordingWorlds(self._family.worlds(tasks, episodes))
        shape = (len(tasks), self._family.horizon, episodes)
        rollouts = rollout(recording, policy, self._family.space, shape, generator)
        self.rounds.append(torch.stack(recording.poses))
        if recording.commands:
            self.commands.append(torch.stack(recording.commands))
        return rollouts

    def clip(self, title: str, tasks: Tasks, rollouts: Trajectories, k: int, task: int = 0) -> Clip:
        """The episode of one task with the median return in round `k`; a robot that failed keeps its last pose."""
        episodes = rollouts.returns.shape[1]
        median = int(rollouts.returns[task].nan_to_num(-torch.inf).argsort()[episodes // 2])
        world = task * episodes + median
        length = int(rollouts.alive[task, :, median].sum())
        poses = self.rounds[k][:, world].numpy().copy()
        poses[length + 1 :] = poses[length]
        rewards = rollouts.rew[task, :, median].double().numpy()
        model = self._family.worlds(tasks, episodes).sim.mujoco_view(world)[0]
        numbers = tasks.to_json()[task]
        text = describe(numbers, self._family.descriptor_names)
        ended = length if length < len(rewards) else None
        commands = self.commands[k][:, world].double().cpu().numpy() if self.commands else None
        planar = self._family.robot.is_planar()
        return Clip(title, text, numbers, planar, ended, poses, rewards, model, commands)
