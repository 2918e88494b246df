"""Many worlds side by side, each with a task of its own, as a Gymnasium vector environment.

    gymnasium.make("envs.gym:metarl/HalfCheetahSlope-v0")             # importing envs.gym registers the ids
    gymnasium.make_vec("metarl/HalfCheetahSlope-v0", num_envs=256)    # one batch, not 256 processes
    env.reset(options={"task": {"direction": -1, "slope_deg": 5}})   # kept until it is changed

Actions are torques in [-1, 1]; the physics is `fast` unless `physics="gymnasium"` is given (the default of the classic
distributions). To render without a display, set MUJOCO_GL=egl (or osmesa) before Python starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.core import Tasks
from envs.gym.copies import rebuilt
from envs.gym.options import checked_tasks, reset_mask, updated_tasks
from envs.gym.view import Image, View
from envs.legged.worlds import LeggedWorlds
from envs.wording import count_of

if TYPE_CHECKING:
    from envs.named import Family

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FIXED = ("family", "num_envs", "autoreset_mode", "observe_task", "render_mode", "worlds")  # what is built from them
OPTIONS = (*FIXED[:-1], "split", "max_episode_steps", "new_task_each_episode")
LARGEST = float(np.finfo(np.float32).max)  # bound of observations: anything finite


class TaskVectorEnv(VectorEnv[Floats, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` worlds of one family on one simulator, each with a task of its own.

    A world keeps its task until `reset(options={"task": ...})` changes it: one mapping for all, or one per world.
    Without that option, tasks are sampled from `split` at the first reset, and again at the start of every episode with
    `new_task_each_episode=True`. `observe_task=True` appends the descriptor of the task to the observation, scaled to
    about [-1, 1], as for an oracle, and before that what is privileged in the state of a legged robot. A world whose
    simulation diverged is terminated in the same step, with reward 0 and `info["diverged"]`. Episodes last
    `max_episode_steps`, by default the horizon of the family; None: until they terminate. With
    `render_mode="rgb_array"`, `render` gives an image of every world.

    Raises ValueError for num_envs below 1.
    """

    def __init__(
        self,
        family: Family,
        num_envs: int,
        *,
        split: str = "train",
        max_episode_steps: int | Literal["horizon"] | None = "horizon",
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        observe_task: bool = False,
        new_task_each_episode: bool = False,
        render_mode: str | None = None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}, expected at least 1")
        self.family, self.num_envs, self.split = family, num_envs, split
        self.max_episode_steps = family.horizon if max_episode_steps == "horizon" else max_episode_steps
        self.observe_task, self.new_task_each_episode = observe_task, new_task_each_episode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self._view, self.render_mode = View(family, render_mode, ("rgb_array",)), render_mode
        self.metadata = self._view.metadata() | {"autoreset_mode": self.autoreset_mode}
        extra = len(family.descriptor_names) + family.space.privileged if observe_task else 0
        self.single_observation_space = Box(-LARGEST, LARGEST, (family.space.obs + extra,), np.float64)
        self.single_action_space = Box(-1.0, 1.0, (family.space.act,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._keep(self.sample_tasks(num_envs, split, seed=0))
        self._sampled = self._set = False  # whether a reset has sampled the tasks; whether the user has set them
        self.worlds = family.worlds(self._tasks, episodes=1, share=False)
        self._task_rng, self._noise_rng = torch.Generator(), torch.Generator()
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.ones(num_envs, dtype=bool)  # worlds that need a reset

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and name in self.__dict__:
            raise AttributeError(f"{name} is fixed once the environment is made: make another one")
        super().__setattr__(name, value)

    @property
    def tasks(self) -> Tasks:
        """The task of each world, a copy; setting it is `set_tasks`."""
        return Tasks(self._tasks.names, self._tasks.values.clone())

    @tasks.setter
    def tasks(self, tasks: Tasks) -> None:
        self.set_tasks(tasks)

    @property
    def own_tasks(self) -> Tasks | None:
        """The tasks that the user has set, if so."""
        return self.tasks if self._set else None

    def sample_tasks(self, num_tasks: int, split: str, seed: int) -> Tasks:
        """Tasks of a split, as data."""
        return self.family.sample(num_tasks, split, torch.Generator().manual_seed(seed))

    def set_tasks(self, tasks: Tasks) -> None:
        """Set the task of each world: what is simulated, and what is told. Raises ValueError for a task outside the
        family, and for a wrong number of tasks.
        """
        if isinstance(tasks, Tasks):
            self.family.check(tasks)
        self._keep(checked_tasks(tasks, self.family.names, self.num_envs))
        self._set = True
        self.worlds.set_tasks(self._tasks)

    def _keep(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._task_rows = np.array(tasks.to_json(), dtype=object)  # part of the info of every step

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start all worlds, or those of `options["reset_mask"]` [num_envs] bool, with the tasks of `options["task"]`.

        All worlds share one random number generator: `seed` is one number, or a number per world, which are combined.
        A seed also resamples the tasks of these worlds, unless they were set; numbers that `task` leaves out are kept.

        Returns obs [num_envs, O] and the infos. Raises ValueError for wrong options.
        """
        options = options or {}
        mask = reset_mask(options, self.num_envs)
        if seed is not None or not self._sampled:
            self._seed(seed)
        if self.new_task_each_episode or (not self._set and (seed is not None or not self._sampled)):
            self._sample_tasks(mask if self._sampled else np.ones_like(mask))
        if options.get("task") is not None:
            self.set_tasks(updated_tasks(self._tasks, options["task"], mask))
        self._sampled = True
        return self._restart(mask, anew=bool(mask.all())), self._infos(mask)

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        """Tasks and reset noise have separate generators, so that sampling tasks never changes the noise."""
        given = [None] if seed is None else [seed] if isinstance(seed, int | np.integer) else list(seed)
        if len(given) not in (1, self.num_envs):
            raise ValueError(
                f"got {count_of(len(given), 'seed')} for {self.num_envs} worlds, expected one, or one per world"
            )
        entropy = None if any(s is None for s in given) else [int(s) for s in given if s is not None]
        streams = np.random.SeedSequence(entropy).generate_state(2, np.uint64)
        for generator, state in zip((self._task_rng, self._noise_rng), streams, strict=True):
            generator.manual_seed(int(state >> np.uint64(1)))

    def step(self, actions: NDArray[np.float32]) -> tuple[Floats, Floats, Bools, Bools, dict[str, Any]]:
        """One control step of every world, for actions [num_envs, A] in [-1, 1].

        Returns obs [num_envs, O], rewards, terminated, truncated [num_envs] and the infos. Raises ValueError for
        actions of another shape, RuntimeError before the first reset, and if a world needs a reset and autoreset is
        disabled.
        """
        if not self._sampled:
            raise RuntimeError("the environment has not begun: reset it before its first step")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise RuntimeError(f"worlds {np.flatnonzero(self._ended)[:5]} have ended: reset them with a reset_mask")
        restarting = self._ended.copy()  # NEXT_STEP: these are reset now, and their action is ignored
        obs, rew, over, diverged = self._simulate(actions, restarting)
        self._elapsed += 1
        terminated = over | diverged
        truncated = (self._elapsed >= (self.max_episode_steps or np.inf)) & ~terminated
        infos: dict[str, Any] = self._infos()
        infos |= {"diverged": diverged & ~restarting, "_diverged": np.ones_like(diverged)}
        rew = np.where(diverged, 0.0, rew)
        if restarting.any():
            rew = np.where(restarting, 0.0, rew)
            terminated, truncated = terminated & ~restarting, truncated & ~restarting
            obs = self._start_episodes(restarting)
            infos |= self._infos()
        self._ended = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self._ended.any():
            infos |= self._final(obs, infos)
            obs = self._start_episodes(self._ended.copy())
            infos |= self._infos()
        return obs, rew, terminated, truncated, infos

    def _simulate(self, actions: NDArray[np.float32], restarting: Bools) -> tuple[Floats, Floats, Bools, Bools]:
        given = np.asarray(actions, dtype=np.float64)
        if given.shape != self.action_space.shape:
            raise ValueError(f"actions have shape {given.shape}, expected {self.action_space.shape}")
        given = np.where(restarting[:, None], 0.0, given)
        act = torch.as_tensor(given)[:, None] * self.family.full_action  # [N, 1, A]
        obs, rew, over, diverged = (x[:, 0].cpu().numpy() for x in self.worlds.step(act))
        return self._with_descriptor(obs), rew, over, diverged

    def _start_episodes(self, mask: Bools) -> Floats:
        if self.new_task_each_episode:
            self._sample_tasks(mask)
        return self._restart(mask)

    def _restart(self, mask: Bools, anew: bool = False) -> Floats:
        obs = self.worlds.reset(self._noise_rng, None if anew else torch.from_numpy(mask)[:, None])[:, 0].cpu().numpy()
        self._elapsed[mask] = 0
        self._ended[mask] = False
        return self._with_descriptor(obs)

    def _sample_tasks(self, mask: Bools) -> None:
        sampled = self.family.sample(self.num_envs, self.split, self._task_rng)
        chosen = torch.from_numpy(mask)[:, None]
        self._keep(Tasks(sampled.names, torch.where(chosen, sampled.values, self._tasks.values)))
        self.worlds.set_tasks(self._tasks, chosen)

    def _with_descriptor(self, obs: Floats) -> Floats:
        if not self.observe_task:
            return obs.astype(np.float64)  # a copy
        privileged = [self.worlds.privileged()[:, 0].cpu().numpy()] if isinstance(self.worlds, LeggedWorlds) else []
        return np.concatenate([obs, *privileged, self.family.descriptor(self._tasks).double().numpy()], 1)

    def step_after_end(self) -> None:
        """Let worlds that have ended be stepped."""
        self._ended[:] = False

    def render(self) -> tuple[Image, ...] | None:
        """With `rgb_array` an image [300, 480, 3] of every world, otherwise None."""
        return self._view.images(self.worlds, self.num_envs)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the renderer."""
        self._view.close()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Copies and pickles are made by the specification: see `rebuilt`."""
        return rebuilt, (type(self), {k: getattr(self, k) for k in OPTIONS}, self.own_tasks, self.spec)

    def _infos(self, mask: Bools | None = None) -> dict[str, Any]:
        """The task of each world; `mask` marks the worlds that have this info."""
        present = np.ones(self.num_envs, dtype=bool) if mask is None else mask.copy()
        return {"task": self._task_rows.copy(), "_task": present}

    def _final(self, obs: Floats, infos: dict[str, Any]) -> dict[str, Any]:
        """The last observation and info of the episodes that ended, in Gymnasium's form."""
        last = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(self._ended):
            last[i] = obs[i]
        return {
            "final_obs": last,
            "_final_obs": self._ended.copy(),
            "final_info": {k: v.copy() for k, v in infos.items()},
            "_final_info": self._ended.copy(),
        }
