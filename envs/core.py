"""Records and protocols that all three packages share.

Axes: `N` tasks, `T` time steps, `E` episodes (worlds) of a task, `O` observation, `A` action, `P` task
parameters, `W = N * E` worlds of a simulator, task-major. The task axis is always first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from envs.ranges import SPLITS, Interval, Spacing, Variable

__all__ = [
    "SPLITS",
    "Action",
    "Examples",
    "FeedbackPolicy",
    "Interval",
    "Policy",
    "Space",
    "Spacing",
    "SupervisedTasks",
    "Task",
    "TaskDistribution",
    "Tasks",
    "Trajectories",
    "Variable",
    "Worlds",
]

Task = Mapping[str, Tensor]
"""The numbers of the task of each world, [W] each."""


class Space(NamedTuple):
    """Sizes of observations and actions; discrete: an action is one of `act`, as a one-hot row.

    privileged: numbers about the state that only teachers, oracles and value functions are told (`Worlds.privileged`).
    """

    obs: int
    act: int
    discrete: bool = False
    privileged: int = 0


class Action(NamedTuple):
    """Actions, and the Gaussian they were sampled from (kept for likelihood ratios and KL)."""

    act: Tensor  # [N, E, A]
    logp: Tensor  # [N, E]
    mean: Tensor  # [N, E, A]
    log_std: Tensor  # [N, E, A]


class Examples(NamedTuple):
    """Inputs and targets of supervised tasks."""

    x: Tensor  # [N, S, ...]
    y: Tensor  # [N, S, ...]


class Trajectories(NamedTuple):
    """Steps of one policy in all worlds.

    Of episodes of fixed horizon `alive` marks the steps before the episode ended. Of segments, where another episode
    follows one that has ended, it marks all steps but those in which the simulation diverged.
    """

    obs: Tensor  # [N, T, E, O]
    act: Tensor  # [N, T, E, A]
    logp: Tensor  # [N, T, E] log-probability of `act` under the policy that sampled it
    mean: Tensor  # [N, T, E, A] of that policy
    log_std: Tensor  # [N, T, E, A] of that policy
    rew: Tensor  # [N, T, E], zero where not alive
    alive: Tensor  # [N, T, E] bool
    terminated: Tensor  # [N, T, E] bool
    diverged: Tensor  # [N, E] bool: the simulation of this world diverged during the episode
    last_obs: Tensor  # [N, E, O] after the last step
    privileged: Tensor  # [N, T, E, V] of the state in which each action was chosen; V may be 0
    last_privileged: Tensor  # [N, E, V] after the last step
    results: Mapping[str, Tensor] = MappingProxyType({})  # [N, E] each, of the first episode, such as `success`

    @property
    def returns(self) -> Tensor:
        """Undiscounted return of each world's first episode, [N, E]; NaN where the simulation diverged."""
        ended = self.terminated.cumsum(1) - self.terminated.long()  # episodes before each step
        return torch.where(self.diverged, torch.nan, torch.where(ended == 0, self.rew, 0.0).sum(1))


Policy = Callable[[Tensor, torch.Generator], Action]
"""obs [N, E, O] -> Action."""


@runtime_checkable
class FeedbackPolicy(Protocol):
    """A policy that observes the rewards of its actions, such as a recurrent one."""

    def __call__(self, obs: Tensor, generator: torch.Generator) -> Action:
        """obs [N, E, O] -> Action."""

    def observe_reward(self, rew: Tensor, alive: Tensor, ended: Tensor) -> None:
        """Reward of the last step, whether the episode was still alive, and whether it ended then, all [N, E]."""


class Tasks(NamedTuple):
    """`N` tasks as numbers, one column per name; to and from JSON."""

    names: tuple[str, ...]
    values: Tensor  # [N, P] float64

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> Tensor:
        """Values of one parameter, [N]."""
        return self.values[:, self.names.index(name)]

    def chosen(self, which: Tensor | slice) -> Tasks:
        """A selection, by index or by mask."""
        return Tasks(self.names, self.values[which])

    def to_json(self) -> list[dict[str, float]]:
        """One dict per task."""
        return [dict(zip(self.names, row, strict=True)) for row in self.values.tolist()]

    @classmethod
    def from_json(cls, rows: Sequence[dict[str, float]]) -> Tasks:
        """The inverse of `to_json`. Raises ValueError for tasks with different parameters."""
        names = tuple(rows[0])
        for row in rows:
            if set(row) != set(names):
                raise ValueError(f"tasks have different parameters: got {', '.join(row)}, expected {', '.join(names)}")
        return cls(names, torch.tensor([[row[n] for n in names] for row in rows], dtype=torch.float64))


class TaskDistribution(Protocol):
    """A family of tasks, each of which turns a policy into data."""

    space: Space
    names: tuple[str, ...]
    variables: tuple[Variable, ...]
    descriptor_names: tuple[str, ...]  # the parameters in `descriptor`: those that vary
    horizon: int

    def splits(self) -> tuple[str, ...]:
        """The splits this family can sample from."""

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Sample tasks; `train` and `test` never share a value of a continuous variable."""

    def check(self, tasks: Tasks) -> None:
        """Raise ValueError if a task lies outside the family."""

    def descriptor(self, tasks: Tasks) -> Tensor:
        """True parameters scaled to about [-1, 1], [N, P] float32: for the oracle, the teacher and the critic."""

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""

    # Optional: `segments`, with the arguments of `experience`: `horizon` steps of as many worlds, where another episode
    # follows one that has ended. A learner that does not adapt is trained on these, or else on `experience`.


class SupervisedTasks(Protocol):
    """A family of supervised tasks, whose data does not depend on a policy."""

    space: Space
    names: tuple[str, ...]
    horizon: int

    def splits(self) -> tuple[str, ...]:
        """The splits this family can sample from."""

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Sample tasks."""

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support and query of every task, determined by its numbers."""


class Worlds(Protocol):
    """`N` tasks times `E` episodes that run in parallel."""

    def reset(self, generator: torch.Generator) -> Tensor:
        """Start every episode; obs [N, E, O]."""

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """act [N, E, A] -> obs [N, E, O], rew [N, E], terminated [N, E], diverged [N, E]."""

    # Optional, and called after a reset or a step: `privileged() -> [N, E, V]`, what only teachers, oracles and value
    # functions are told, where `Space.privileged` is not 0; and `results() -> {name: [N, E]}`, what came of the first
    # episode of each world, such as `success`.
