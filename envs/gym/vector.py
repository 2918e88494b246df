"""One task, or many side by side, as Gymnasium environments, for people who never heard of meta-learning.

    gymnasium.make("envs.gym:metarl/HalfCheetahSlope-v0")             # importing envs.gym registers the ids
    gymnasium.make_vec("metarl/HalfCheetahSlope-v0", num_envs=256)    # one batch, not 256 processes
    env.reset(options={"task": {"direction": -1, "slope_deg": 5}})   # sticks until changed

Actions are torques in [-1, 1]; the physics is `fast` unless `physics="gymnasium"` is given (the classic
distributions have it by themselves). To render without a display, set MUJOCO_GL=egl (or osmesa) before Python starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs import named as families
from envs.core import Tasks
from envs.locomotion.family import Locomotion, LocomotionWorlds
from envs.locomotion.scenery import Stage, Window
from envs.named import HORIZON, Family

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
LARGEST = float(np.finfo(np.float32).max)  # bounds of what is observed: anything finite


class TaskVectorEnv(VectorEnv[Floats, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` worlds of one family on one simulator, each with a task of its own.

    A task sticks to its world until `reset(options={"task": ...})` changes it: one mapping for all, or one a world.
    Without one, tasks are drawn from `split` at the first reset, and anew with `new_task_each_episode=True`.
    `observe_task=True` appends the true parameters, scaled to about [-1, 1]: the oracle.
    A world whose simulation broke down is terminated in the same step with reward 0 and `info["diverged"]`.
    """

    def __init__(
        self,
        family: Family,
        num_envs: int,
        *,
        split: str = "train",
        max_episode_steps: int | None = HORIZON,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        observe_task: bool = False,
        new_task_each_episode: bool = False,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}, expected at least 1")
        self.family, self.num_envs, self.split = family, num_envs, split
        self.max_episode_steps = max_episode_steps
        self.observe_task, self.new_task_each_episode = observe_task, new_task_each_episode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        told = len(family.descriptor_names) if observe_task else 0
        self.single_observation_space = Box(-LARGEST, LARGEST, (family.space.obs + told,), np.float64)
        self.single_action_space = Box(-1.0, 1.0, (family.space.act,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.tasks = self.sample_tasks(num_envs, split, seed=0)
        self._drawn = self._set = False  # whether the tasks are of a reset's drawing, or the user's own
        self.worlds = family.worlds(self.tasks, episodes=1, share=False)
        self._task_stream, self._noise_stream = torch.Generator(), torch.Generator()
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.ones(num_envs, dtype=bool)  # worlds that wait for a reset

    @property
    def tasks(self) -> Tasks:
        """The task of each world."""
        return self._tasks

    @tasks.setter
    def tasks(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._task_rows = np.array(tasks.to_json(), dtype=object)  # kept, for it is told at every step

    def sample_tasks(self, num_tasks: int, split: str, seed: int) -> Tasks:
        """Tasks of a split, as data."""
        return self.family.sample(num_tasks, split, torch.Generator().manual_seed(seed))

    def set_tasks(self, tasks: Tasks) -> None:
        """Give each world its task; raises ValueError for one outside the family."""
        self.family.check(tasks)
        self.tasks = tasks
        self._set = True
        self.worlds.set_tasks(tasks)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start all worlds, or those of `options["reset_mask"]`, with the tasks of `options["task"]` if given.

        A batch has one stream of random numbers: `seed` is one number, or one a world that together make it. A seed
        draws the tasks of these worlds anew unless they were set; numbers that `task` leaves out stay.
        """
        options = options or {}
        if strange := options.keys() - {"task", "reset_mask"}:
            raise ValueError(f"reset knows no option {', '.join(map(str, strange))}, expected task or reset_mask")
        everything = np.ones(self.num_envs, dtype=bool)
        mask = np.asarray(options.get("reset_mask", everything))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            expected = f"expected ({self.num_envs},) of bool, not all of them False"
            raise ValueError(f"reset_mask has shape {mask.shape} of {mask.dtype}, {expected}")
        if seed is not None or not self._drawn:
            self._seed(seed)
        if self.new_task_each_episode or (not self._set and (seed is not None or not self._drawn)):
            self._draw_tasks(mask if self._drawn else everything)
        if options.get("task") is not None:
            self.set_tasks(self.merged(options["task"], mask))
        self._drawn = True
        return self._restart(mask), self._infos(mask)

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        """Tasks and reset noise come from streams of their own, so that drawing one never shifts the other."""
        given = [None] if seed is None else [seed] if isinstance(seed, int | np.integer) else list(seed)
        if len(given) not in (1, self.num_envs):
            raise ValueError(f"got {len(given)} seeds for {self.num_envs} worlds, expected one, or one a world")
        entropy = None if any(s is None for s in given) else [int(s) for s in given if s is not None]
        streams = np.random.SeedSequence(entropy).generate_state(2, np.uint64)
        for generator, state in zip((self._task_stream, self._noise_stream), streams, strict=True):
            generator.manual_seed(int(state >> np.uint64(1)))

    def step(self, actions: NDArray[np.float32]) -> tuple[Floats, Floats, Bools, Bools, dict[str, Any]]:
        """One control step of every world."""
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise RuntimeError(f"worlds {np.flatnonzero(self._ended)[:5]} have ended: reset them with a reset_mask")
        fresh = self._ended.copy()  # NEXT_STEP: these are reset now, and their action is ignored
        asked = np.asarray(actions, dtype=np.float64)
        if asked.shape != self.action_space.shape:
            raise ValueError(f"actions have shape {asked.shape}, expected {self.action_space.shape}")
        asked = np.where(fresh[:, None], 0.0, asked)
        act = torch.as_tensor(asked)[:, None] * self.family.full_action  # [N, 1, A]
        obs, rew, over, diverged = (x[:, 0].cpu().numpy() for x in self.worlds.step(act))
        self._elapsed += 1
        terminated = over | diverged
        late = self._elapsed >= (self.max_episode_steps or np.inf)
        truncated = late & ~terminated
        broken = {"diverged": diverged & ~fresh, "_diverged": np.ones_like(diverged)}
        infos: dict[str, Any] = self._infos() | broken
        rew = np.where(diverged, 0.0, rew)
        told = self._told(obs)
        if fresh.any():
            rew, terminated, truncated = (np.where(fresh, 0, x).astype(x.dtype) for x in (rew, terminated, truncated))
            told = self._begin(fresh)
            infos |= self._infos()
        self._ended = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self._ended.any():
            infos |= self._final(told, infos)
            told = self._begin(self._ended.copy())
            infos |= self._infos()
        return told, rew, terminated, truncated, infos

    def _begin(self, mask: Bools) -> Floats:
        if self.new_task_each_episode:
            self._draw_tasks(mask)
        return self._restart(mask)

    def _restart(self, mask: Bools) -> Floats:
        obs = self.worlds.reset(self._noise_stream, torch.from_numpy(mask)[:, None])[:, 0].cpu().numpy()
        self._elapsed[mask] = 0
        self._ended[mask] = False
        return self._told(obs)

    def _draw_tasks(self, mask: Bools) -> None:
        sampled = self.family.sample(self.num_envs, self.split, self._task_stream)
        chosen = torch.from_numpy(mask)[:, None]
        self.tasks = Tasks(sampled.names, torch.where(chosen, sampled.values, self.tasks.values))
        self.worlds.set_tasks(self.tasks, chosen)

    def merged(self, task: Mapping[str, float] | Sequence[Mapping[str, float]], mask: Bools | None = None) -> Tasks:
        """The tasks there are with new numbers for all worlds, or for each one; only in the worlds of `mask`."""
        mask = np.ones(self.num_envs, dtype=bool) if mask is None else mask
        rows = [dict(task)] * self.num_envs if isinstance(task, Mapping) else [dict(t) for t in task]
        if len(rows) != self.num_envs:
            raise ValueError(f"got {len(rows)} tasks for {self.num_envs} worlds, expected one for all or one a world")
        kept = self.tasks.to_json()
        if not all(isinstance(x, int | float | np.number) for row in rows for x in row.values()):
            raise ValueError(f"a task is numbers by name, but got {next(iter(rows))}")
        return Tasks.from_json([kept[i] | rows[i] if mask[i] else kept[i] for i in range(self.num_envs)])

    def _told(self, obs: Floats) -> Floats:
        if not self.observe_task:
            return obs.astype(np.float64)  # a copy
        return np.concatenate([obs, self.family.descriptor(self.tasks).double().numpy()], 1)

    def _infos(self, mask: Bools | None = None) -> dict[str, Any]:
        """The task of each world; `mask` says which worlds it is news for."""
        told = np.ones(self.num_envs, dtype=bool) if mask is None else mask.copy()
        return {"task": self._task_rows.copy(), "_task": told}

    def _final(self, obs: Floats, infos: dict[str, Any]) -> dict[str, Any]:
        """Where an episode ended: its last observation and info, in Gymnasium's form."""
        last = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(self._ended):
            last[i] = obs[i]
        return {
            "final_obs": last,
            "_final_obs": self._ended.copy(),
            "final_info": {k: v.copy() for k, v in infos.items()},
            "_final_info": self._ended.copy(),
        }


class TaskEnv(gymnasium.Env[Floats, NDArray[np.float32]]):
    """One world; the task comes with `reset(options={"task": {...}})` and sticks. See `TaskVectorEnv`."""

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
        """Change the task, or some of its numbers; it sticks. Raises ValueError for one outside the family."""
        self._batch.set_tasks(self._batch.merged(task))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Start an episode of the task in `options["task"]`, or of the one there was."""
        super().reset(seed=seed)
        obs, infos = self._batch.reset(seed=seed, options=options)
        self._draw_on_screen()
        return obs[0], {"task": dict(infos["task"][0])}

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One control step."""
        self._batch._ended[:] = False  # a single environment may be stepped on after its end, as Gymnasium's own
        obs, rew, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = {"task": dict(infos["task"][0]), "diverged": bool(infos["diverged"][0])}
        self._draw_on_screen()
        return obs[0], float(rew[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> NDArray[np.uint8] | None:
        """With `rgb_array` the picture of now, 480 x 300; with `human` a window is kept up by `reset` and `step`."""
        if self.render_mode != "rgb_array":
            return None
        family, worlds = self._body_and_worlds()
        if self._stage is None:
            self._stage = _stage(family)
        return self._stage.draw(worlds.sim.mujoco_view(0)[0], worlds.sim.qpos[0].cpu().numpy())

    def _body_and_worlds(self) -> tuple[Locomotion, LocomotionWorlds]:
        family, worlds = self.family, self._batch.worlds
        assert isinstance(family, Locomotion)  # a point takes no render mode
        assert isinstance(worlds, LocomotionWorlds)
        return family, worlds

    def _draw_on_screen(self) -> None:
        if self.render_mode == "human":
            family, worlds = self._body_and_worlds()
            if self._window is None:
                self._window = Window(family)
            self._window.show(worlds.sim.mujoco_view(0)[0], worlds.sim.qpos[0].cpu().numpy())

    def close(self) -> None:
        for opened in (self._stage, self._window):
            if opened is not None:
                opened.close()
        self._stage = self._window = None


def _stage(family: Locomotion) -> Stage:
    try:
        return Stage(family, 480, 300)
    except (mujoco.FatalError, ImportError, RuntimeError) as error:
        advice = "set MUJOCO_GL=egl (or osmesa) before Python starts; `metarl doctor` says what works here"
        raise RuntimeError(f"no picture can be drawn ({error}): {advice}") from error


def make_env(tasks: str, *, family: Mapping[str, Any] | None = None, **options: Any) -> TaskEnv:
    """Entry point of `gymnasium.make`; `family` holds options of the distribution (`ctrl_cost`, ...)."""
    options, own = _parted(options, family)
    return TaskEnv(families.build_family(tasks, **({"num_threads": 1} | own)), **options)


def make_vector_env(
    tasks: str, num_envs: int = 1, *, family: Mapping[str, Any] | None = None, **options: Any
) -> TaskVectorEnv:
    """Entry point of `gymnasium.make_vec`."""
    if options.pop("render_mode", None) is not None:
        raise ValueError("a batch of worlds draws no pictures: give render_mode to gymnasium.make, for one world")
    options, own = _parted(options, family)
    return TaskVectorEnv(families.build_family(tasks, **own), num_envs, **options)


def _parted(options: dict[str, Any], family: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the environment, and those of its distribution, two of which may be given plainly."""
    if "horizon" in (family or {}):
        raise ValueError("an episode's length here is max_episode_steps: give that instead of horizon")
    own = {k: v for k, v in options.items() if k in ("physics", "num_threads")}
    return {k: v for k, v in options.items() if k not in own}, own | dict(family or {})


def ids() -> list[str]:
    """Every registered id."""
    return [f"metarl/{name}-v0" for name in families.names()]


def register() -> None:
    """Make the ids known to Gymnasium; a second call changes nothing."""
    for tasks in families.names():
        name = f"metarl/{tasks}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="envs.gym:make_env",
                vector_entry_point="envs.gym:make_vector_env",
                max_episode_steps=families.horizon(tasks),
                kwargs={"tasks": tasks},
            )


register()
