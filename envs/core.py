"""Records and protocols that every floor shares, and nothing else.

Axes: `N` tasks, `T` time steps, `E` episodes (worlds) of a task, `O` observation, `A` action, `P` task
parameters, `W = N * E` worlds of a simulator, task-major. The task axis is always first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

SPLITS = ("train", "test", "ood")
Interval = tuple[float, float]
Spacing = Literal["uniform", "log", "area"]


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


class Variable(NamedTuple):
    """One number of a task: a union of intervals for training and testing, another for `ood`.

    A choice is an interval of length zero. Where `ood` is empty the variable keeps its training range there.
    law: how it is spread over its range: `uniform`; `log`, uniform in its logarithm, for multipliers; or `area`,
    uniform in its square, which makes a distance uniform over a disc.
    each: a value of its own for each element of the robot (`mass:torso`, `mass:leg`, ...) instead of one for all.
    told: whether a learner that is told the true task is told this number too.
    """

    name: str
    train: tuple[Interval, ...]
    ood: tuple[Interval, ...] = ()
    spacing: Spacing = "uniform"
    per_element: bool = False
    in_descriptor: bool = True

    @property
    def is_constant(self) -> bool:
        return len({end for interval in self.train + self.ood for end in interval}) == 1

    def is_finite(self, split: str) -> bool:
        """Whether it has choices alone."""
        return all(low == high for low, high in self.intervals(split))

    def intervals(self, split: str) -> tuple[Interval, ...]:
        return self.ood if split == "ood" and self.ood else self.train

    def contains(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.train + self.ood)

    def describe(self) -> str:
        train = _describe(self.train)
        return f"{self.name} in {train}" + (f", ood {_describe(self.ood)}" if self.ood else "")


def _describe(intervals: tuple[Interval, ...]) -> str:
    parts = [f"{a:g}" if a == b else f"[{a:g}, {b:g}]" for a, b in intervals]
    return "{" + ", ".join(parts) + "}" if all(a == b for a, b in intervals) else " or ".join(parts)


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
