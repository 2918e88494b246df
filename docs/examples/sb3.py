"""Stable-Baselines3's PPO on a task distribution, with the task parameters in the observation (an oracle)."""

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from envs.gym.sb3 import TaskVecEnv

name = "envs.gym:metarl/HalfCheetahDirection-v0"
env = gymnasium.make_vec(name, num_envs=64, observe_task=True, new_task_each_episode=True)
model = PPO(
    "MlpPolicy",
    VecMonitor(TaskVecEnv(env)),
    n_steps=200,
    batch_size=1600,
    learning_rate=1e-3,
    gamma=0.97,
    policy_kwargs={"log_std_init": -1.0},
    seed=0,
    device="cpu",
).learn(2_048_000)
for direction in (1, -1):
    test = gymnasium.make_vec(name, num_envs=20, observe_task=True)
    test.reset(seed=1, options={"task": {"direction": direction}})
    print(direction, evaluate_policy(model, VecMonitor(TaskVecEnv(test)), n_eval_episodes=20))
