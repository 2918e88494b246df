"""One world as a Gymnasium environment, which can be rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs.core import Tasks
from envs.gym.copies import rebuilt
from envs.gym.options import updated_tasks
from envs.gym.vector import Floats, TaskVectorEnv
from envs.gym.view import View

if TYPE_CHECKING:
    from envs.named import Family


class TaskEnv(gymnasium.Env[Floats, NDArray[np.float32]]):
    """One world. `reset(options={"task": {...}})` sets its task, which is kept. See `TaskVectorEnv`."""

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, family: Family, *, split: str = "train", observe_task: bool = False, render_mode: str | None = None
    ) -> None:
        self._view = View(family, render_mode, ("human", "rgb_array"))
        self._options = {"family": family, "split": split, "observe_task": observe_task, "render_mode": render_mode}
        self._batch = TaskVectorEnv(
            family,
            1,
            split=split,
            max_episode_steps=None,
            autoreset_mode=AutoresetMode.DISABLED,
            observe_task=observe_task,
        )
        self.family = family
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self.render_mode = render_mode
        self.metadata = self._view.metadata()

    @property
    def tasks(self) -> Tasks:
        """The task, as `Tasks` of one row; setting it is `set_tasks`."""
        return self._batch.tasks

    @tasks.setter
    def tasks(self, tasks: Tasks) -> None:
        self._batch.set_tasks(tasks)

    def sample_tasks(self, num_tasks: int, split: str = "train", seed: int = 0) -> Tasks:
        """Tasks of a split, as data."""
        return self._batch.sample_tasks(num_tasks, split, seed)

    def set_task(self, task: Mapping[str, float]) -> None:
        """Change the task, or some of its numbers. Raises ValueError for a task outside the family."""
        self._batch.set_tasks(updated_tasks(self._batch.tasks, task))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Start an episode of the task in `options["task"]`, or of the current one."""
        super().reset(seed=seed)
        obs, infos = self._batch.reset(seed=seed, options=options)
        self._view.update(self._batch.worlds)
        return obs[0], {"task": dict(infos["task"][0])}

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One control step. Raises RuntimeError before the first reset."""
        self._batch.step_after_end()  # like Gymnasium's own
        obs, rew, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = {"task": dict(infos["task"][0]), "diverged": bool(infos["diverged"][0])}
        self._view.update(self._batch.worlds)
        return obs[0], float(rew[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> NDArray[np.uint8] | None:
        """With `rgb_array` the current image, [300, 480, 3]; with `human` None: `reset` and `step` update a window."""
        images = self._view.images(self._batch.worlds, 1)
        return None if images is None else images[0]

    def close(self) -> None:
        """Close the renderer and the window."""
        self._view.close()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copies and pickles are made by the specification: see `rebuilt`."""
        return rebuilt, (type(self), self._options, self._batch.own_tasks, self.spec)
