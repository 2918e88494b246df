"""The tasks of an evaluation: which random numbers draw them, and from which split."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Protocol

import torch

from envs.core import TaskDistribution, Tasks
from envs.registry import nearest
from metarl.errors import UserError

SEED = 1_000_003  # chosen: far from the seeds of training, so that no evaluation repeats the draws of one
FINE_TUNING_SEED = 2_000_003  # chosen: far from those of training and of evaluation

SEARCH_SEED = 3_000_003  # chosen: of the tasks that a search of hyper-parameters scores by, likewise


class Splits(Protocol):
    """A distribution of tasks that has splits."""

    def splits(self) -> tuple[str, ...]: ...


def seeded(seed: int) -> torch.Generator:
    """The random numbers of an evaluation: the tasks are drawn from it first, then everything else."""
    return torch.Generator().manual_seed(SEED + seed)


def check_split(family: Splits, split: str) -> None:
    """Raise UserError where a distribution has no such split."""
    if split not in family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(family.splits())}")


def sample_tasks(
    family: TaskDistribution,
    num_tasks: int,
    split: str,
    generator: torch.Generator,
    given: Mapping[str, float] = MappingProxyType({}),
    beyond: Collection[str] = (),
) -> Tasks:
    """Tasks [N] of a split, the same for every learner, with the `given` numbers in place of those that were drawn.

    beyond: the only variables that leave their training range (`only_beyond`).

    Raises UserError where there is no such split, where a number is none of the distribution's, or out of its range.
    """
    try:
        sampled = family.sample(num_tasks, split, generator)
        if beyond:
            sampled = only_beyond(family, sampled, beyond, generator)
        if not given:
            return sampled
        tasks = Tasks.from_json([{**row, **given} for row in sampled.to_json()])
        family.check(tasks)
    except ValueError as error:
        raise UserError(str(error)) from None
    return tasks


def only_beyond(family: TaskDistribution, sampled: Tasks, names: Collection[str], generator: torch.Generator) -> Tasks:
    """Tasks [N] of the split ood, of which only the variables `names` leave their training range: the others are drawn
    anew, within it.

    Raises UserError for a variable that the distribution lacks, or that has no range beyond training.
    """
    beyond = [v.name for v in family.variables if v.ood]
    for name in names:
        if name not in beyond:
            raise UserError(f"--beyond got {name}, which has no range beyond training: {nearest(name, beyond)}")
    drawn = zip(sampled.to_json(), family.sample(len(sampled), "test", generator).to_json(), strict=True)
    return Tasks.from_json([{**inside, **{name: outside[name] for name in names}} for outside, inside in drawn])


def unseen_split(family: TaskDistribution, split: str | None) -> str:
    """The split that is asked for; by default `ood` where there is one, else `test`."""
    return split or ("ood" if "ood" in family.splits() else "test")


def complete_tasks(family: TaskDistribution, given: dict[str, float], split: str, seed: int, count: int = 1) -> Tasks:
    """Tasks with the `given` parameters and all others drawn from a split.

    Raises UserError where a parameter is not one of the distribution, or is out of its range.
    """
    return sample_tasks(family, count, split, seeded(seed), given)
