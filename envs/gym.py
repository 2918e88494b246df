"""One task, or many side by side, as Gymnasium environments, for people who never heard of meta-learning.

    gymnasium.make("envs.gym:metarl/HalfCheetahSlope-v0")             # importing envs.gym registers the ids
    gymnasium.make_vec("metarl/HalfCheetahSlope-v0", num_envs=256)    # one batch, not 256 processes
    env.reset(options={"task": {"direction": -1, "slope_deg": 5, "friction": 0.7}})   # sticks until changed

Actions are torques in [-1, 1]; the physics is `fast` unless `physics="gymnasium"` is given. To render without a
display, set MUJOCO_GL=egl (or osmesa) before Python starts.
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

from envs.core import Tasks, Variable
from envs.locomotion import Locomotion
from envs.robots import ROBOTS
from envs.robots.robot import Physics
from envs.scenery import Stage

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
BOTH_WAYS = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))
SLOPES = Variable("slope_deg", ((-8.0, 8.0),), ((-14.0, -8.0), (8.0, 14.0)))
FRICTION = Variable("friction", ((0.7, 0.7),))
FAMILIES: dict[str, tuple[Variable, ...]] = {
    "Direction": (BOTH_WAYS,),
    "Velocity": (Variable("velocity", ((0.0, 2.0),), ((2.0, 3.0),)),),
    "Slope": (BOTH_WAYS, SLOPES),
}
SLIPPERY = {"half_cheetah"}  # with its stock friction of 0.4 it cannot climb the steeper slopes
HORIZON = 200  # chosen: that of the PEARL and VariBAD task sets


class TaskVectorEnv(VectorEnv[Floats, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` worlds of one family on one simulator, each with a task of its own.

    A task sticks to its world until `reset(options={"task": ...})` changes it: one mapping for all, or one a world.
    Without one, tasks are drawn from `split` at the first reset, and anew with `new_task_each_episode=True`.
    `observe_task=True` appends the true parameters, scaled to about [-1, 1]: the oracle.
    A world whose simulation broke down is terminated in the same step with reward 0 and `info["diverged"]`.
    """

    def __init__(
        self,
        family: Locomotion,
        num_envs: int,
        *,
        split: str = "train",
        max_episode_steps: int | None = HORIZON,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        observe_task: bool = False,
        new_task_each_episode: bool = False,
    ) -> None:
        self.family, self.num_envs, self.split = family, num_envs, split
        self.max_episode_steps = max_episode_steps
        self.observe_task, self.new_task_each_episode = observe_task, new_task_each_episode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        told = len(family.descriptor_names) if observe_task else 0
        self.single_observation_space = Box(-np.inf, np.inf, (family.space.obs + told,), np.float64)
        self.single_action_space = Box(-1.0, 1.0, (family.space.act,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.tasks = self.sample_tasks(num_envs, split, seed=0)
        self._drawn = self._set = False  # whether the tasks are of a reset's drawing, or the user's own
        self._worlds = family.worlds(self.tasks, episodes=1, share=False)
        self._task_stream, self._noise_stream = torch.Generator(), torch.Generator()
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.ones(num_envs, dtype=bool)  # worlds that wait for a reset

    def sample_tasks(self, num_tasks: int, split: str, seed: int) -> Tasks:
        """Tasks of a split, as data."""
        return self.family.sample(num_tasks, split, torch.Generator().manual_seed(seed))

    def set_tasks(self, tasks: Tasks) -> None:
        """Give each world its task; raises ValueError for one outside the family."""
        self.family.check(tasks)
        self.tasks = tasks
        self._set = True
        self._worlds.set_tasks(tasks)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start all worlds, or those of `options["reset_mask"]`, with the tasks of `options["task"]` if given.

        A batch has one stream of random numbers: `seed` is one number, or one a world that together make it. A seed
        draws tasks anew unless they were set.
        """
        options = options or {}
        everything = np.ones(self.num_envs, dtype=bool)
        mask = np.asarray(options.get("reset_mask", everything))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            expected = f"expected ({self.num_envs},) of bool, not all of them False"
            raise ValueError(f"reset_mask has shape {mask.shape} of {mask.dtype}, {expected}")
        if seed is not None or not self._drawn:
            self._seed(seed)
        if options.get("task") is not None:
            self.set_tasks(self._merged(options["task"], mask))
        elif not self._set and (seed is not None or not self._drawn):
            self._draw_tasks(everything)
        elif self.new_task_each_episode:
            self._draw_tasks(mask)
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
        act = torch.as_tensor(asked)[:, None] * self.family.action_scale  # [N, 1, A]
        obs, rew, over, diverged = (x[:, 0].numpy() for x in self._worlds.step(act))
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
        obs = self._worlds.reset(self._noise_stream, torch.from_numpy(mask)[:, None])[:, 0].numpy()
        self._elapsed[mask] = 0
        self._ended[mask] = False
        return self._told(obs)

    def _draw_tasks(self, mask: Bools) -> None:
        drawn = self.family.sample(self.num_envs, self.split, self._task_stream)
        chosen = torch.from_numpy(mask)[:, None]
        self.tasks = Tasks(drawn.names, torch.where(chosen, drawn.values, self.tasks.values))
        self._worlds.set_tasks(self.tasks)

    def _merged(self, task: Mapping[str, float] | Sequence[Mapping[str, float]], mask: Bools) -> Tasks:
        rows = [dict(task)] * self.num_envs if isinstance(task, Mapping) else [dict(t) for t in task]
        if len(rows) != self.num_envs:
            raise ValueError(f"got {len(rows)} tasks for {self.num_envs} worlds, expected one for all or one a world")
        kept = self.tasks.to_json()
        return Tasks.from_json([kept[i] | rows[i] if mask[i] else kept[i] for i in range(self.num_envs)])

    def _told(self, obs: Floats) -> Floats:
        if not self.observe_task:
            return obs.copy()
        return np.concatenate([obs, self.family.descriptor(self.tasks).double().numpy()], 1)

    def _infos(self, mask: Bools | None = None) -> dict[str, Any]:
        """The task of each world; `mask` says which worlds it is news for."""
        told = np.ones(self.num_envs, dtype=bool) if mask is None else mask.copy()
        return {"task": np.array(self.tasks.to_json(), dtype=object), "_task": told}

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

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, family: Locomotion, *, split: str = "train", observe_task: bool = False, render_mode: str | None = None
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is {render_mode!r}, expected None or 'rgb_array'")
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
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / family.control_step)}

    def sample_tasks(self, num_tasks: int, split: str = "train", seed: int = 0) -> Tasks:
        """Tasks of a split, as data."""
        return self._batch.sample_tasks(num_tasks, split, seed)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Start an episode of the task in `options["task"]`, or of the one there was."""
        super().reset(seed=seed)
        obs, infos = self._batch.reset(seed=seed, options=options)
        return obs[0], {"task": infos["task"][0]}

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """One control step."""
        self._batch._ended[:] = False  # a single environment may be stepped on after its end, as Gymnasium's own
        obs, rew, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        info = {"task": infos["task"][0], "diverged": bool(infos["diverged"][0])}
        return obs[0], float(rew[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> NDArray[np.uint8] | None:
        """The picture of now, 480 x 300; the camera is rolled by the slope."""
        if self.render_mode is None:
            return None
        if self._stage is None:
            try:
                self._stage = Stage(self.family.robot, 480, 300)
            except (mujoco.FatalError, ImportError, RuntimeError) as error:
                advice = "set MUJOCO_GL=egl (or osmesa) before Python starts; `metarl doctor` says what works here"
                raise RuntimeError(f"no picture can be drawn: {advice}") from error
        tasks = self._batch.tasks
        slope = float(tasks.column("slope_deg")[0]) if "slope_deg" in tasks.names else 0.0
        return self._stage.draw(self._batch._worlds.sim.qpos[0].numpy(), slope)

    def close(self) -> None:
        if self._stage is not None:
            self._stage.close()
            self._stage = None


def build(robot: str, family: str, physics: Physics = "fast", num_threads: int = 0) -> Locomotion:
    """A registered family by names, with actions in [-1, 1]."""
    variables = FAMILIES[family] + ((FRICTION,) if family == "Slope" and robot in SLIPPERY else ())
    return Locomotion(robot, variables, physics=physics, action_scale=1.0, num_threads=num_threads)


def make_env(robot: str, family: str, physics: Physics = "fast", **options: Any) -> TaskEnv:
    """Entry point of `gymnasium.make`."""
    return TaskEnv(build(robot, family, physics, num_threads=1), **options)


def make_vector_env(
    robot: str, family: str, num_envs: int = 1, physics: Physics = "fast", num_threads: int = 0, **options: Any
) -> TaskVectorEnv:
    """Entry point of `gymnasium.make_vec`."""
    if options.pop("render_mode", None) is not None:
        raise ValueError("a batch of worlds draws no pictures: give render_mode to gymnasium.make, for one world")
    return TaskVectorEnv(build(robot, family, physics, num_threads), num_envs, **options)


def ids() -> list[str]:
    """Every registered id."""
    return [f"metarl/{ROBOTS[robot].__name__}{family}-v0" for robot in ROBOTS for family in FAMILIES]


def register() -> None:
    """Make the ids known to Gymnasium; a second call changes nothing."""
    for robot in ROBOTS:
        for family in FAMILIES:
            name = f"metarl/{ROBOTS[robot].__name__}{family}-v0"
            if name not in gymnasium.registry:
                gymnasium.register(
                    name,
                    entry_point="envs.gym:make_env",
                    vector_entry_point="envs.gym:make_vector_env",
                    max_episode_steps=HORIZON,
                    kwargs={"robot": robot, "family": family},
                )


register()
