"""Tasks that tell how much was computed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from envs.core import Examples, Policy, SupervisedTasks, TaskDistribution, Tasks, Trajectories


class Counted:
    """A distribution of tasks as it is, which tells the control steps of each roll-out, or the examples that it drew.

    An episode counts as if it had not ended early.
    """

    def __init__(self, family: TaskDistribution | SupervisedTasks, tell: Callable[[float], None]) -> None:
        self.family: Any = family
        self.tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self.family, name)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""
        rollouts: Trajectories = self.family.experience(tasks, policy, episodes, generator)
        self.tell(len(tasks) * episodes * self.family.horizon)
        return rollouts

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support and query of every task."""
        support, query = self.family.examples(tasks)
        self.tell(support.y.numel() + query.y.numel())
        return support, query
