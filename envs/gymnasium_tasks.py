"""Gymnasium environments of other people as a family of tasks: numbers of theirs vary from task to task.

Each world is an environment of its own, stepped in Python one after the other: for what is small, or cannot be had as a
MuJoCo model. `Robot` simulates those that can, many at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from envs import rng as rng
from envs.contract import ContractError
from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.registry import nearest
from envs.rollout import rollout
from envs.variables import VariableSampler

Env = gymnasium.Env[Any, Any]
PROBE_STEPS = 50  # in which a number must change something


class GymnasiumTasks(VariableSampler):
    """Tasks are attributes of `make().unwrapped`, such as `g`, `m` and `l` of Pendulum-v1.

    make: makes an environment. horizon: steps of an episode, by default those after which the environment truncates.
    Observations are flattened; actions in [-1, 1] reach over the range of a Box, and one-hot rows choose of a Discrete.
    Raises ValueError for spaces that no policy of this project fits, for attributes that are no numbers or that change
    nothing, and for a horizon beyond the environment's. Override `set_task` where a task is more than attributes: what
    an environment derives from them in its constructor is not derived again.
    """

    def __init__(self, make: Callable[[], Env], variables: tuple[Variable, ...], horizon: int | None = None) -> None:
        super().__init__(variables)
        self.make = make
        env = make()
        self.name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        longest = None if env.spec is None else env.spec.max_episode_steps
        if horizon is None and longest is None:
            raise ValueError(f"{self.name} has no time limit: give a horizon")
        self.horizon = int(horizon or longest or 0)
        if longest is not None and self.horizon > longest:
            raise ValueError(f"the horizon is {self.horizon}, but {self.name} ends episodes after {longest} steps")
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.space = _space(self.name, self.observation_space, self.action_space)
        self._idle: list[Env] = [env]
        self._probe(env)

    def set_task(self, env: Env, task: Mapping[str, float]) -> None:
        """Put an environment into a task, before it is reset. Raises ValueError for an unknown attribute."""
        for name, value in task.items():
            present = getattr(env.unwrapped, name, None)
            if isinstance(present, bool) or not isinstance(present, int | float | np.number):
                known = [k for k, v in vars(env.unwrapped).items() if isinstance(v, float) and not k.startswith("_")]
                raise ValueError(f"{self.name} has no number {name!r} that could vary: {nearest(name, known)}")
            setattr(env.unwrapped, name, value)

    def _probe(self, env: Env) -> None:
        """Every variable that varies must change what comes of the same actions."""
        first = {v.name: v.train[0][0] for v in self.variables}
        usual = self._tried(env, first)
        for variable in (v for v in self.variables if not v.is_constant):
            last = (variable.train + variable.ood)[-1][1]
            other = self._tried(env, first | {variable.name: last})
            if np.array_equal(usual, other):
                raise ValueError(f"{variable.name} changes nothing in {PROBE_STEPS} random steps of {self.name}")

    def _tried(self, env: Env, task: Mapping[str, float]) -> NDArray[np.float64]:
        """Observation, reward and whether it terminated, of the same random steps for every task, [T, O + 2]."""
        self.set_task(env, task)
        env.action_space.seed(0)
        seen = [[*self.flat(env.reset(seed=0)[0]), 0.0, 0.0]]
        for _ in range(min(PROBE_STEPS, self.horizon)):
            obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            seen.append([*self.flat(obs), float(reward), terminated])
            if terminated or truncated:
                break
        return np.array(seen, dtype=np.float64)

    def flat(self, obs: Any) -> NDArray[np.float32]:
        """An observation [O]."""
        return np.asarray(spaces.flatten(self.observation_space, obs), dtype=np.float32)

    def worlds(self, tasks: Tasks, episodes: int, *, share: bool = True) -> GymnasiumWorlds:
        """`len(tasks)` tasks, each in `episodes` environments; `share` has no effect."""
        self.check_names(tasks)
        return GymnasiumWorlds(self, tasks, episodes, [self.make() for _ in range(len(tasks) * episodes)])

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""
        worlds = self._pooled(tasks, episodes)
        return rollout(worlds, policy, self.space, (len(tasks), self.horizon, episodes), generator)

    def segments(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """`horizon` steps of `episodes` worlds of every task, where another episode follows one that has ended."""
        worlds, shape = self._pooled(tasks, episodes), (len(tasks), self.horizon, episodes)
        return rollout(worlds, policy, self.space, shape, generator, restart=worlds.reset)

    def _pooled(self, tasks: Tasks, episodes: int) -> GymnasiumWorlds:
        """Worlds in environments that are kept, for a rollout that ends before the next one begins."""
        self.check_names(tasks)
        count = len(tasks) * episodes
        self._idle += [self.make() for _ in range(count - len(self._idle))]
        return GymnasiumWorlds(self, tasks, episodes, self._idle[:count])


class GymnasiumWorlds:
    """`N` tasks times `E` environments."""

    def __init__(self, family: GymnasiumTasks, tasks: Tasks, episodes: int, envs: list[Env]) -> None:
        self.family, self.envs, self.size = family, envs, (len(tasks), episodes)
        self.obs = np.zeros((len(envs), family.space.obs), np.float32)  # [W, O]
        self.is_over = np.zeros(len(envs), bool)  # until it is reset, an environment must not be stepped
        self.steps = np.zeros(len(envs), int)  # of the episode
        self.set_tasks(tasks)

    def set_tasks(self, tasks: Tasks, mask: Tensor | None = None) -> None:
        """Set the task of every environment."""
        for i, task in enumerate(tasks.to_json()):
            for env in self.envs[i * self.size[1] : (i + 1) * self.size[1]]:
                self.family.set_task(env, task)

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E] bool, or all; obs [N, E, O]."""
        seeds = (rng.uniform(self.size, generator, dtype=torch.float64) * 2**31).long().flatten().tolist()
        started = [True] * len(self.envs) if mask is None else mask.flatten().tolist()
        for i in np.flatnonzero(started).tolist():
            self.obs[i] = self.family.flat(self.envs[i].reset(seed=seeds[i])[0])
            self.is_over[i], self.steps[i] = False, 0
        return self._shaped(self.obs)

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """act [N, E, A]; what is not finite, an action or what comes of it, is flagged as diverged."""
        rows = act.detach().flatten(0, 1).cpu().double().numpy()
        diverged = ~np.isfinite(rows).all(1)
        rew, terminated = np.zeros(len(rows)), np.zeros(len(rows), bool)
        actions = _actions(self.family.action_space, np.nan_to_num(rows))
        for i, env in enumerate(self.envs):
            if not (diverged[i] or self.is_over[i]):
                obs, rew[i], terminated[i], truncated, _ = env.step(actions[i])
                self.obs[i], self.is_over[i] = self.family.flat(obs), terminated[i]
                self.steps[i] += 1
                if truncated and self.steps[i] < self.family.horizon:
                    raise ContractError(
                        f"{self.family.name} truncated an episode after {self.steps[i]} steps by itself, expected "
                        f"none before the horizon of {self.family.horizon}: let it terminate, or give a shorter horizon"
                    )
        broken = ~(np.isfinite(self.obs).all(1) & np.isfinite(rew))
        self.obs[broken], rew[broken] = 0.0, 0.0
        return (*map(self._shaped, (self.obs, rew.astype(np.float32), terminated, diverged | broken)),)  # type: ignore[return-value]  # four

    def _shaped(self, rows: NDArray[Any]) -> Tensor:
        return torch.from_numpy(rows.copy()).view(*self.size, *rows.shape[1:])


def _space(name: str, observations: spaces.Space[Any], actions: spaces.Space[Any]) -> Space:
    """Raises ValueError for spaces that no policy fits."""
    if not observations.is_np_flattenable:
        raise ValueError(f"{name} has observations of {observations}, expected a space of a fixed number of numbers")
    obs = spaces.flatdim(observations)
    if isinstance(actions, spaces.Discrete):
        return Space(obs, int(actions.n), discrete=True)
    if not isinstance(actions, spaces.Box) or actions.dtype.kind != "f":
        raise ValueError(f"{name} has actions of {actions}, expected a Box of floats or a Discrete space")
    if not (np.isfinite(actions.low).all() and np.isfinite(actions.high).all()):
        raise ValueError(f"{name} has actions without bounds, expected a range for each: wrap it in RescaleAction")
    return Space(obs, int(np.prod(actions.shape)))


def _actions(space: spaces.Space[Any], rows: NDArray[np.float64]) -> list[Any]:
    """Actions of environments from those of a policy [W, A]."""
    if isinstance(space, spaces.Discrete):
        return [space.start + i for i in rows.argmax(1)]
    assert isinstance(space, spaces.Box)
    shares = (rows.clip(-1, 1) + 1) / 2  # of the range
    scaled = space.low.ravel() + shares * (space.high.ravel() - space.low.ravel())
    return list(scaled.reshape(-1, *space.shape).astype(space.dtype))
