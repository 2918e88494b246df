"""Gymnasium and Stable-Baselines3 interfaces; importing this package registers the ids with Gymnasium."""

from envs.gym.registration import ids, make_env, make_vector_env, register
from envs.gym.single import TaskEnv
from envs.gym.vector import TaskVectorEnv

__all__ = ["TaskEnv", "TaskVectorEnv", "ids", "make_env", "make_vector_env", "register"]

register()
