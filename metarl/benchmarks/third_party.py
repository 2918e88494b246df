"""The same robots in other libraries' vectorised environments."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import SubprocVecEnv

from metarl.benchmarks.timing import Phase

MAX_PROCESSES = 64  # worlds up to which each gets a process of its own; chosen


@contextmanager
def vectorized(gymnasium_id: str, size: int, threads: int) -> Iterator[dict[str, Any]]:
    """`size` worlds by every library that is installed, by name; closed at the end of the block."""
    envs: dict[str, Any] = {"gymnasium sync": gymnasium.make_vec(gymnasium_id, size, vectorization_mode="sync")}
    if size <= MAX_PROCESSES:
        envs["gymnasium async"] = gymnasium.make_vec(gymnasium_id, size, vectorization_mode="async")
        envs["sb3 subproc"] = SubprocVecEnv([lambda: gymnasium.make(gymnasium_id)] * size, start_method="fork")
    if importlib.util.find_spec("envpool"):
        envs["envpool"] = _envpool(gymnasium_id, size, threads)
    try:
        yield envs
    finally:
        for env in envs.values():
            env.close()


def _envpool(gymnasium_id: str, size: int, threads: int) -> Any:
    import envpool  # type: ignore[import-not-found]  # not a requirement

    known = gymnasium_id in envpool.list_all_envs()
    name = gymnasium_id if known else gymnasium_id.replace("-v5", "-v4")
    return envpool.make_gymnasium(name, num_envs=size, num_threads=threads)


def stepping(env: Any, actions: NDArray[np.float32]) -> Phase:
    """Steps of a vectorised environment of Gymnasium or Stable-Baselines3 with actions [T, W, A]."""
    if isinstance(env, gymnasium.vector.VectorEnv):
        env.reset(seed=0)
    else:
        env.reset()

    def phase() -> None:
        for action in actions:
            env.step(action)

    return phase
