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
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.rollout import rollout
from metarl.reporting.video.words import describe


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


class RecordingWorlds:
    """Worlds that keep the pose of every step."""

    def __init__(self, worlds: LocomotionWorlds) -> None:
        self.worlds = worlds
        self.poses: list[Tensor] = []  # [W, nq] of each step

    def reset(self, generator: torch.Generator) -> Tensor:
        obs = self.worlds.reset(generator)
        self.poses = [self.worlds.sim.qpos.clone()]
        return obs

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out = self.worlds.step(act)
        self.poses.append(self.worlds.sim.qpos.clone())
        return out


class RecordingFamily:
    """A locomotion family that keeps the poses of every round of rollouts."""

    def __init__(self, family: Locomotion) -> None:
        self._family = family
        self.rounds: list[Tensor] = []  # [T + 1, W, nq] of each round

    def __getattr__(self, name: str) -> object:
        return getattr(self._family, name)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        recording = RecordingWorlds(self._family.worlds(tasks, episodes))
        shape = (len(tasks), self._family.horizon, episodes)
        rollouts = rollout(recording, policy, self._family.space, shape, generator)
        self.rounds.append(torch.stack(recording.poses))
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
        return Clip(title, text, numbers, self._family.robot.is_planar(), ended, poses, rewards, model)
