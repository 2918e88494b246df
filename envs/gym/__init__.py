"""Gymnasium and Stable-Baselines3 interfaces; importing this package registers the ids with Gymnasium."""

from envs.gym.vector import TaskEnv, TaskVectorEnv, ids, make_env, make_vector_env, register

__all__ = ["TaskEnv", "TaskVectorEnv", "ids", "make_env", "make_vector_env", "register"]
