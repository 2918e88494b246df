"""Entry points of `gymnasium.make` and `gymnasium.make_vec`, and the registration of their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from envs import named
from envs.gym.single import TaskEnv
from envs.gym.vector import TaskVectorEnv


def make_env(tasks: str, *, family: Mapping[str, Any] | None = None, **options: Any) -> TaskEnv:
    """Entry point of `gymnasium.make`; `family` holds options of the distribution (`ctrl_cost`, ...).

    Raises ValueError for unknown tasks and options.
    """
    options, own = _split_options(options, family)
    return TaskEnv(named.build_family(tasks, **({"num_threads": 1} | own)), **options)


def make_vector_env(
    tasks: str, num_envs: int = 1, *, family: Mapping[str, Any] | None = None, **options: Any
) -> TaskVectorEnv:
    """Entry point of `gymnasium.make_vec`."""
    options, own = _split_options(options, family)
    return TaskVectorEnv(named.build_family(tasks, **own), num_envs, **options)


def _split_options(options: dict[str, Any], family: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the environment, and those of its distribution; of the latter, two may be given directly."""
    if "horizon" in (family or {}):
        raise ValueError("family has horizon, but the length of an episode is max_episode_steps: give that instead")
    own = {k: v for k, v in options.items() if k in ("physics", "num_threads")}
    return {k: v for k, v in options.items() if k not in own}, own | dict(family or {})


def ids() -> list[str]:
    """Every registered id."""
    return [f"metarl/{name}-v0" for name in named.describe()]


def register() -> None:
    """Register the ids with Gymnasium; ids that are registered already are left alone."""
    for tasks in named.describe():
        name = f"metarl/{tasks}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="envs.gym:make_env",
                vector_entry_point="envs.gym:make_vector_env",
                max_episode_steps=named.horizon(tasks),
                kwargs={"tasks": tasks},
            )
