"""One world as a Gymnasium environment, which can be rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs.core import Tasks
from envs.gym.vector import Floats, TaskVectorEnv
from envs.locomotion.family import Locomotion
from envs.locomotion.scenery import Stage, Window
from envs.locomotion.worlds import LocomotionWorlds

if TYPE_CHECKING:
    from envs.named import Family


class TaskEnv(gymnasium.Env[Floats, NDArray[np.float32]]):
    """One world. `reset(options={"task": {...}})` sets its task, which is kept. See `TaskVectorEnv`."""

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, family: Family, *, split: str = "train", observe_task: bool = False, render_mode: str | None = None
    ) -> None:
        modes = ["human", "rgb_array"] if isinstance(family, Locomotion) else []
        if render_mode not in (None, *modes):
            raise ValueError(f"render_mode is {render_mode!r}, expected {' or '.join(['None', *map(repr, modes)])}")
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
        self._stage: Stage | None = None
        self._window: Window | None = None
        fps = round(1 / family.control_step) if isinstance(family, Locomotion) else 20
        self.metadata = {"render_modes": modes, "render_fps": fps}

    def sample_tasks(self, num_tasks: int, split: str = "train", seed: int = 0) -> Tasks:
        """Tasks of a split, as data."""
        return self._batch.sample_tasks(num_tasks, split, seed)

    def set_task(self, task: Mapping[str, float]) -> None:
        """Change the task, or some of its numbers. Raises ValueError for a task outside the family."""
        self._batch.set_tasks(self._batch.updated_tasks(task))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Start an episode of the task in `options["task"]`, or of the current one."""
        super().reset(seed=seed)
        obs, infos = self._batch.reset(seed=seed, options=options)
        self._update_window()
        return obs[0], {"task": dict(infos["task"][0])}

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One control step."""
        self._batch._ended[:] = False  # like Gymnasium's own, it may be stepped after its end
        obs, rew, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = {"task": dict(infos["task"][0]), "diverged": bool(infos["diverged"][0])}
        self._update_window()
        return obs[0], float(rew[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> NDArray[np.uint8] | None:
        """With `rgb_array` the current image, [300, 480, 3]; with `human` None: `reset` and `step` update a window."""
        if self.render_mode != "rgb_array":
            return None
        family, worlds = self._family_and_worlds()
        if self._stage is None:
            self._stage = _stage(family)
        return self._stage.draw(worlds.sim.mujoco_view(0)[0], worlds.sim.qpos[0].cpu().numpy())

    def _family_and_worlds(self) -> tuple[Locomotion, LocomotionWorlds]:
        family, worlds = self.family, self._batch.worlds
        assert isinstance(family, Locomotion)  # render modes are refused for others
        assert isinstance(worlds, LocomotionWorlds)
        return family, worlds

    def _update_window(self) -> None:
        if self.render_mode == "human":
            family, worlds = self._family_and_worlds()
            if self._window is None:
                self._window = Window(family)
            self._window.show(worlds.sim.mujoco_view(0)[0], worlds.sim.qpos[0].cpu().numpy())

    def close(self) -> None:
        """Close the renderer and the window."""
        for opened in (self._stage, self._window):
            if opened is not None:
                opened.close()
        self._stage = self._window = None


def _stage(family: Locomotion) -> Stage:
    try:
        return Stage(family, 480, 300)
    except (mujoco.FatalError, ImportError, RuntimeError) as error:
        advice = "set MUJOCO_GL=egl (or osmesa) before Python starts; `metarl doctor` says what works here"
        raise RuntimeError(f"rendering failed ({error}): {advice}") from error
