"""A small vector environment and a task of it."""

from __future__ import annotations

import gymnasium

from envs import gym

TASK = {"direction": -1.0, "slope_deg": 5.0, "friction": 1.75}


def vector(num_envs: int = 4, name: str = "HalfCheetahSlope", **options: object) -> gym.TaskVectorEnv:
    return gymnasium.make_vec(f"metarl/{name}-v0", num_envs=num_envs, num_threads=1, **options)  # type: ignore[return-value]
