"""Records and protocols that every floor shares, and nothing else.

Axes: `N` tasks, `T` time steps, `E` episodes (worlds) of a task, `O` observation, `A` action, `P` task
parameters, `W = N * E` worlds of a simulator, task-major. The task axis is always first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """Sizes of what a policy sees and does; discrete: an action is one of `act`, a row of zeros and a one."""

    obs: int
    act: int
    discrete: bool = False


class Action(NamedTuple):
    """What a policy did, and the Gaussian it was drawn from (kept for likelihood ratios and KL)."""

    act: Tensor  # [N, E, A]
    logp: Tensor  # [N, E]
    mean: Tensor  # [N, E, A]
    log_std: Tensor  # [N, E, A]


class Examples(NamedTuple):
    """Supervised data."""

    x: Tensor  # [N, S, ...]
    y: Tensor  # [N, S, ...]


class Trajectories(NamedTuple):
    """Episodes of fixed horizon; `alive` marks the steps that were really taken."""

    obs: Tensor  # [N, T, E, O]
    act: Tensor  # [N, T, E, A]
    logp: Tensor  # [N, T, E] log-probability of `act` under the policy that sampled it
    mean: Tensor  # [N, T, E, A] of that policy
    log_std: Tensor  # [N, T, E, A] of that policy
    rew: Tensor  # [N, T, E], zero where not alive
    alive: Tensor  # [N, T, E] bool
    terminated: Tensor  # [N, T, E] bool
    diverged: Tensor  # [N, E] bool: the simulation of this world broke down during the episode

    @property
    def returns(self) -> Tensor:
        """Undiscounted return of each episode, [N, E]; NaN where the simulation broke down, for nobody knows it."""
        return torch.where(self.diverged, torch.nan, self.rew.sum(1))


Policy = Callable[[Tensor, torch.Generator], Action]
"""obs [N, E, O] -> Action."""


@runtime_checkable
class FeedbackPolicy(Protocol):
    """A policy that is told what came of its actions."""

    def __call__(self, obs: Tensor, generator: torch.Generator) -> Action:
        """obs [N, E, O] -> Action."""

    def observe_reward(self, rew: Tensor, alive: Tensor, ended: Tensor) -> None:
        """Of the step just taken: the reward, whether it was really taken, whether the episode ended, all [N, E]."""


class Tasks(NamedTuple):
    """`N` tasks as plain numbers: one column a name. Reads from and writes to JSON."""

    names: tuple[str, ...]
    values: Tensor  # [N, P] float64

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> Tensor:
        """Values of one parameter, [N]."""
        return self.values[:, self.names.index(name)]

    def chosen(self, which: Tensor | slice) -> Tasks:
        """Some of them: by index, or by true and false."""
        return Tasks(self.names, self.values[which])

    def to_json(self) -> list[dict[str, float]]:
        return [dict(zip(self.names, row, strict=True)) for row in self.values.tolist()]

    @classmethod
    def from_json(cls, rows: Sequence[dict[str, float]]) -> Tasks:
        names = tuple(rows[0])
        for row in rows:
            if set(row) != set(names):
                raise ValueError(f"tasks differ in their parameters: {', '.join(row)} beside {', '.join(names)}")
        return cls(names, torch.tensor([[row[n] for n in names] for row in rows], dtype=torch.float64))


class TaskDistribution(Protocol):
    """A family of tasks, each of which turns a policy into data."""

    space: Space
    names: tuple[str, ...]
    variables: tuple[Variable, ...]
    descriptor_names: tuple[str, ...]  # the parameters that `descriptor` holds: those that really vary
    horizon: int

    def splits(self) -> tuple[str, ...]:
        """The splits this family can sample from."""

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Draw tasks; `train` and `test` never share a continuous draw."""

    def check(self, tasks: Tasks) -> None:
        """Raise ValueError, in one sentence, if a task lies outside the family."""

    def descriptor(self, tasks: Tasks) -> Tensor:
        """True parameters scaled to about [-1, 1], [N, P] float32: for the oracle and nobody else."""

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """What `policy` lives through in `episodes` episodes of every task."""


class SupervisedTasks(Protocol):
    """A family of supervised tasks, which need no policy to become data."""

    space: Space
    names: tuple[str, ...]
    horizon: int

    def splits(self) -> tuple[str, ...]:
        """The splits this family can sample from."""

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Draw tasks."""

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support and query of every task, a function of its numbers."""


class Worlds(Protocol):
    """`N` tasks times `E` episodes that run side by side."""

    def reset(self, generator: torch.Generator) -> Tensor:
        """Start every episode; obs [N, E, O]."""

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """act [N, E, A] -> obs [N, E, O], rew [N, E], terminated [N, E], diverged [N, E]."""
