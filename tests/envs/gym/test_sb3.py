"""The `VecEnv` of Stable-Baselines3."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from envs.gym.sb3 import TaskVecEnv
from tests.envs.gym.batch import vector


def test_stable_baselines_gives_each_world_its_own_task() -> None:
    env = TaskVecEnv(vector(2))
    env.set_options([{"task": {"slope_deg": 1.0}}, {"task": {"slope_deg": 2.0}}])
    env.seed(0)
    env.reset()
    assert env.env.tasks.column("slope_deg").tolist() == [1.0, 2.0]
    assert env.observation_space.dtype == np.float32


def test_stable_baselines_trains_and_evaluates_on_it() -> None:
    env = VecMonitor(TaskVecEnv(vector(4, "HalfCheetahDirection", max_episode_steps=20, observe_task=True)))
    model = PPO("MlpPolicy", env, n_steps=20, batch_size=40, n_epochs=1, seed=0, device="cpu")
    model.learn(160)
    mean, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert np.isfinite(mean)
    assert model.ep_info_buffer[0]["l"] == 20  # type: ignore[index]


def test_stable_baselines_distinguishes_truncation_from_termination() -> None:
    env = TaskVecEnv(vector(2, "HopperVelocity", max_episode_steps=3))
    env.seed(0)
    env.reset()
    for _ in range(3):
        obs, rew, done, infos = env.step(np.zeros((2, 3), dtype=np.float32))
    assert done.all()
    assert all(i["TimeLimit.truncated"] for i in infos)
    assert infos[0]["terminal_observation"].shape == obs[0].shape
    assert rew.dtype == np.float32
    env.env.worlds.sim.qpos[:, 1] = 0.1  # below the healthy height
    _, _, done, infos = env.step(np.zeros((2, 3), dtype=np.float32))
    assert done.all()
    assert not any(i["TimeLimit.truncated"] for i in infos)


def test_sb3_refuses_another_autoreset() -> None:
    with pytest.raises(ValueError, match="expects SAME_STEP"):
        TaskVecEnv(vector(2, autoreset_mode=AutoresetMode.NEXT_STEP))
