"""What Stable-Baselines3's PPO acts in, and what is noted of that."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv


def training_worlds(family: Any, count: int) -> VecEnv:
    """So many worlds of training tasks, which are observed; every episode is in a new one."""
    env = TaskVectorEnv(family, count, max_episode_steps=family.horizon, observe_task=True, new_task_each_episode=True)
    return VecMonitor(PolicyUnits(TaskVecEnv(env), family.full_action))


class PolicyUnits(VecEnvWrapper):
    """Actions in policy units, `full` of which are the full action, as everywhere else."""

    def __init__(self, venv: VecEnv, full: float) -> None:
        super().__init__(venv, action_space=Box(-full, full, venv.action_space.shape, np.float32))
        self.full = full

    def reset(self) -> VecEnvObs:
        return self.venv.reset()

    def step_async(self, actions: NDArray[np.float32]) -> None:
        self.venv.step_async(actions / self.full)

    def step_wait(self) -> VecEnvStepReturn:
        return self.venv.step_wait()


class FirstEpisodes(BaseCallback):
    """The return of the first episode of each world, NaN where its simulation diverged; the worlds where one did."""

    def __init__(self) -> None:
        super().__init__()
        self.returns: dict[int, float] = {}
        self.diverged: set[int] = set()

    def _on_step(self) -> bool:
        for world, info in enumerate(self.locals["infos"]):
            if info.get("diverged"):
                self.diverged.add(world)
            if "episode" in info:
                self.returns.setdefault(world, float("nan") if info["diverged"] else float(info["episode"]["r"]))
        return True

    @property
    def mean(self) -> float:
        """NaN where none is known."""
        known = [r for r in self.returns.values() if not np.isnan(r)]
        return sum(known) / len(known) if known else float("nan")
