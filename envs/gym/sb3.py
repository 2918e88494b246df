"""A Stable-Baselines3 `VecEnv` over one batch of worlds.

PPO("MlpPolicy", TaskVecEnv(gymnasium.make_vec("metarl/HalfCheetahSlope-v0", num_envs=64)))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from envs.gym.vector import TaskVectorEnv
from envs.gym.view import Image
from envs.registry import nearest
from envs.wording import count_of

SETTABLE = ("tasks", "split", "max_episode_steps", "new_task_each_episode")


class TaskVecEnv(VecEnv):
    """Observations and rewards are float32; `TimeLimit.truncated` distinguishes truncated from terminated episodes.

    Raises ValueError for another environment or autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        if not isinstance(env, TaskVectorEnv):
            raise ValueError(f"got {type(env).__name__}, expected the result of gymnasium.make_vec, without wrappers")
        if env.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"autoreset_mode is {env.autoreset_mode.name}, but Stable-Baselines3 expects SAME_STEP")
        self.env = env
        observed = Box(-np.inf, np.inf, env.single_observation_space.shape, np.float32)
        super().__init__(env.num_envs, observed, env.single_action_space)
        self.metadata |= {"render_fps": env.metadata["render_fps"]}
        self._actions = np.zeros((env.num_envs, env.family.space.act), dtype=np.float32)

    def reset(self) -> NDArray[np.float32]:
        """Start all worlds; `set_options` may set a task for each, `seed` seeds the batch."""
        options: dict[str, Any] | None = None
        if any(self._options):
            options = {"task": [o.get("task", {}) for o in self._options]}
        obs, _ = self.env.reset(seed=self._seeds[0], options=options)
        self._reset_seeds()
        self._reset_options()
        return obs.astype(np.float32)

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Options of the next reset: `{"task": {...}}` for all worlds, or one such mapping per world.

        Raises ValueError for anything else.
        """
        rows = [options or {}] * self.num_envs if options is None or isinstance(options, dict) else list(options)
        if len(rows) != self.num_envs:
            raise ValueError(
                f"got {count_of(len(rows), 'option')} for {self.num_envs} worlds, expected one, or one per world"
            )
        if strange := {str(key) for row in rows for key in row} - {"task"}:
            raise ValueError(f"set_options has no option {', '.join(sorted(strange))}, expected task")
        super().set_options(rows)

    def step_async(self, actions: NDArray[np.float32]) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        obs, rew, terminated, truncated, infos = self.env.step(self._actions)
        done = terminated | truncated
        step_infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        for i in np.flatnonzero(done):
            step_infos[i]["terminal_observation"] = infos["final_obs"][i].astype(np.float32)
            step_infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            step_infos[i]["diverged"] = bool(infos["diverged"][i])
        return obs.astype(np.float32), rew.astype(np.float32), done, step_infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        return [getattr(self.env, attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of the batch, as `tasks`. Raises ValueError for one that it does not have."""
        if len(self._chosen(indices)) != self.num_envs:
            raise ValueError("worlds of one batch share their attributes: call set_attr without indices")
        if not hasattr(self.env, attr_name):
            raise ValueError(f"the environment has no attribute {attr_name!r}: {nearest(attr_name, SETTABLE)}")
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once; its result is repeated for each chosen world."""
        return [getattr(self.env, method_name)(*method_args, **method_kwargs)] * len(self._chosen(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None) -> list[bool]:
        return [False] * len(self._chosen(indices))

    def get_images(self) -> Sequence[Image | None]:
        return self.env.render() or [None] * self.num_envs

    def __reduce__(self) -> tuple[type[TaskVecEnv], tuple[TaskVectorEnv]]:
        return type(self), (self.env,)

    def _chosen(self, indices: int | Iterable[int] | None) -> list[int]:
        return list(self._get_indices(indices))
