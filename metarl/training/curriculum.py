"""A curriculum over one variable of the tasks: each place in the meta-batch has a level, which follows its progress.

A level is a share of the variable's training range. It rises where the robot travelled nearly all of the way that was
commanded, falls where it fell or travelled less than half of it (as in legged_gym, Rudin et al. 2022, section III-C),
and stays in between; it is never drawn anew. Where the kind of ground varies too (`ground`), each place keeps its kind,
so that levels can be told by kind.
"""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import SupervisedTasks, TaskDistribution, Tasks, Variable
from envs.variables import snapped
from metarl.config.outer_settings import Metrics
from metarl.errors import UserError

STEP = 0.05  # by which a level rises; chosen: the whole range within 20 iterations
RISES, FALLS = 0.8, 0.5  # mean progress of a place's worlds from which its level rises, and below which it falls
KIND = "ground"  # the variable that says which kind of ground a task has


class Curriculum:
    """Levels of `num_tasks` places, which begin at 0.

    Raises UserError for a variable that the tasks do not have, or that has no single range to walk through, and for
    tasks without success.
    """

    def __init__(self, family: TaskDistribution | SupervisedTasks, name: str, num_tasks: int) -> None:
        variables = {v.name: v for v in getattr(family, "variables", ())}
        if name not in variables:
            known = ", ".join(variables) or "none"
            raise UserError(f"train.curriculum is {name!r}, which does not vary here, expected one of {known}")
        if len(variables[name].train) != 1 or variables[name].is_constant:
            raise UserError(f"train.curriculum is {name!r}, which has no single range: give it one 'train' range")
        if not getattr(family, "has_success", False):
            raise UserError("train.curriculum follows success, which these tasks do not have: use tasks of kind legged")
        self.name, self.range = name, variables[name].train[0]
        self.levels = torch.zeros(num_tasks)
        self.kinds = self._kinds(variables.get(KIND), num_tasks)

    @staticmethod
    def _kinds(ground: Variable | None, num_tasks: int) -> Tensor | None:
        if ground is None:
            return None
        choices = torch.tensor([low for low, _ in ground.train], dtype=torch.float64)
        return choices[torch.arange(num_tasks) % len(choices)]

    def placed(self, tasks: Tasks) -> Tasks:
        """Training tasks [N] whose variable is at the level of their place, or up to a step below."""
        values, column = tasks.values.clone(), tasks.names.index(self.name)
        low, high = self.range
        within = (values[:, column] - low) / (high - low)  # [N] in [0, 1], as it was drawn
        share = (self.levels.double() - STEP * within).clamp(min=0)
        values[:, column] = low + (high - low) * snapped(share)
        if self.kinds is not None:
            values[:, tasks.names.index(KIND)] = self.kinds
        return Tasks(tasks.names, values)

    def follow(self, progress: Tensor) -> None:
        """The progress of every place [N], in [0, 1]; NaN where it is not known."""
        step = STEP * ((progress >= RISES).float() - (progress < FALLS).float())
        self.levels = (self.levels + step).clamp(0, 1)

    def load(self, levels: Tensor) -> None:
        """Levels of a checkpoint. Raises UserError for another number of them."""
        if len(levels) != len(self.levels):
            raise UserError(f"the checkpoint has levels of {len(levels)} tasks, but there are {len(self.levels)}")
        self.levels = levels.clone()

    def metrics(self) -> Metrics:
        """Mean level, and that of every kind of ground."""
        means = {"level": self.levels.mean().item()}
        if self.kinds is not None:
            for kind in sorted(set(self.kinds.tolist())):
                means[f"level/{KIND}_{kind:g}"] = self.levels[self.kinds == kind].mean().item()
        return means
