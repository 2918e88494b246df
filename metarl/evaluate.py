"""How well a run adapts to tasks it never saw: return after 0, 1, 2, ... rounds of adaptation."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from envs.core import TaskDistribution, Tasks, Variable
from metarl import checkpoint
from metarl.acting import episodes_a_round
from metarl.collect import live
from metarl.errors import UserError
from metarl.runs import Run
from metarl.statistics import Estimate, mean_interval
from metarl.train import Trainer

SEED = 1_000_003  # chosen: far from training seeds; with the odd-draw rule no training task can come back anyway


class Evaluation(NamedTuple):
    """Returns of one run on tasks of one split, averaged over the episodes of a task and round."""

    run: str
    learner: str
    split: str
    seed: int
    episodes: int
    iteration: int
    tasks: list[dict[str, float]]
    returns: NDArray[np.float64]  # [K + 1, N], row k after k rounds of adaptation
    diverged: int  # worlds whose simulation broke down
    adapts_on: int  # episodes of a round that it adapts on: all of them, or its own where each has a memory

    def to_json(self) -> dict[str, Any]:
        returns = [[None if np.isnan(x) else round(x, 3) for x in row] for row in self.returns.tolist()]
        return {**self._asdict(), "returns": returns}


def load_trainer(run: Run) -> Trainer:
    """A run's newest checkpoint, ready to act."""
    return Trainer(run.config, checkpoint.load_newest(run.checkpoints))


def seeded(seed: int) -> torch.Generator:
    """The stream of an evaluation: the tasks first, then everything else."""
    return torch.Generator().manual_seed(SEED + seed)


def sample_tasks(family: TaskDistribution, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
    """Tasks of a split, the same for every learner of the family."""
    try:
        return family.sample(num_tasks, split, generator)
    except ValueError as error:
        raise UserError(str(error)) from None


def complete_tasks(family: TaskDistribution, given: dict[str, float], split: str, seed: int, count: int = 1) -> Tasks:
    """Tasks with the `given` parameters, the rest drawn from a split; UserError if they are outside the family."""
    drawn = sample_tasks(family, count, split, seeded(seed)).to_json()
    try:
        tasks = Tasks.from_json([{**row, **given} for row in drawn])
        family.check(tasks)
    except ValueError as error:
        raise UserError(str(error)) from None
    return tasks


def evaluate(run: Run, split: str, num_tasks: int, episodes: int, rounds: int, seed: int) -> Evaluation:
    """Returns before adaptation and after each of `rounds` rounds of `episodes` episodes, on unseen tasks.

    A learner that does not adapt is run once. The policy acts stochastically, as it does while it adapts.
    """
    trainer, generator = load_trainer(run), seeded(seed)
    tasks = sample_tasks(trainer.family, num_tasks, split, generator)
    lived = live(
        trainer.learner,
        trainer.state.theta,
        trainer.family,
        tasks,
        episodes,
        trainer.credit,
        generator,
        rounds=rounds if trainer.learner.rounds else 0,
    )
    returns = torch.stack([t.returns.nanmean(1) for t in lived.trajectories]).double().numpy()  # [K + 1, N]
    diverged = sum(int(t.diverged.sum()) for t in lived.trajectories)
    kind, adapts_on = run.config.learner.kind, episodes_a_round(trainer.learner, episodes)
    return Evaluation(
        run.name, kind, split, seed, episodes, trainer.state.iteration, tasks.to_json(), returns, diverged, adapts_on
    )


def store(run: Run, evaluation: Evaluation) -> Path:
    """Write the evaluation into its run folder; the same evaluation gives the same file."""
    e = evaluation
    rounds = len(e.returns) - 1
    name = f"evaluation_{e.split}_iteration{e.iteration}_{len(e.tasks)}x{e.episodes}_rounds{rounds}_seed{e.seed}.json"
    path = run.path / name
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(e.to_json(), indent=1, allow_nan=False))
    beside.replace(path)
    return path


class Group(NamedTuple):
    """Some of the tasks, and what they have in common."""

    label: str
    variables: tuple[str, ...]  # by which they were chosen
    members: NDArray[np.bool_]  # [N]


def everything(evaluation: Evaluation) -> Group:
    """All tasks."""
    return Group("all tasks", (), np.ones(len(evaluation.tasks), dtype=bool))


def parts(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """The tasks of each choice, or each separate range, of every parameter that has several."""
    return [g for axis in _axes(family, evaluation) for g in axis if g.members.any()]


def groups(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """All tasks; the parts of every parameter; their combinations where there are two or three parameters."""
    axes = _axes(family, evaluation)
    several = itertools.product(*axes) if 2 <= len(axes) <= 3 else ()
    combined = [
        Group(
            ", ".join(g.label for g in some),
            tuple(name for g in some for name in g.variables),
            np.logical_and.reduce([g.members for g in some]),
        )
        for some in several
    ]
    return [everything(evaluation), *parts(family, evaluation), *(g for g in combined if g.members.any())]


def _axes(family: TaskDistribution, evaluation: Evaluation) -> list[list[Group]]:
    axes = [list(_parts_of(v, evaluation)) for v in family.variables if v.name in family.descriptor_names]
    return [axis for axis in axes if len(axis) > 1]


def _parts_of(variable: Variable, evaluation: Evaluation) -> Iterator[Group]:
    values = np.array([task[variable.name] for task in evaluation.tasks])
    for low, high in variable.intervals(evaluation.split):
        label = f"{variable.name} {low:+g}" if low == high else f"{variable.name} {low:g}..{high:g}"
        yield Group(label, (variable.name,), (values >= low) & (values <= high))


def gain(evaluation: Evaluation, members: NDArray[np.bool_]) -> Estimate:
    """Return after one round minus return before, task by task."""
    return mean_interval(evaluation.returns[1, members] - evaluation.returns[0, members])


def describe_tasks(family: TaskDistribution, evaluation: Evaluation) -> str:
    """How many tasks of which split, and whether training can have met them."""
    count, split = len(evaluation.tasks), evaluation.split
    if split == "train":
        return f"{count} training tasks"
    known = [set(v.train) >= set(v.intervals(split)) and v.is_finite(split) for v in family.variables]
    if all(known):
        return f"{count} tasks, split {split} (of the few that exist, all met in training)"
    return f"{count} unseen tasks, split {split}"


def table(family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> Table:
    """Mean return and 95 % interval over tasks, a row for each group of tasks, a column for each round."""
    out = Table(title=f"{evaluation.run}, iteration {evaluation.iteration}: {describe_tasks(family, evaluation)}")
    out.add_column("tasks", no_wrap=True)
    for k in range(len(evaluation.returns)):
        out.add_column(f"after {k}" if k else "before", justify="right")
    adapts = len(evaluation.returns) > 1
    if adapts:
        out.add_column("gain of the first", justify="right")
    for other in against:
        alone = [o.learner for o in against].count(other.learner) == 1
        out.add_column(other.learner if alone else other.run, justify="right")
    for group in groups(family, evaluation):
        cells = [str(mean_interval(row[group.members])) for row in evaluation.returns]
        cells += [str(gain(evaluation, group.members))] if adapts else []
        cells += [str(mean_interval(other.returns[-1, group.members])) for other in against]
        out.add_row(f"{group.label} ({group.members.sum()})", *map(escape, cells))
    partly = f", adapting on {evaluation.adapts_on} of them" if evaluation.adapts_on < evaluation.episodes else ""
    out.caption = (
        f"mean return [95 % bootstrap interval over tasks], {evaluation.episodes} episodes a task and round"
        f"{partly}; one training seed; {evaluation.diverged} diverged worlds"
    )
    return out


def summary(family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> dict[str, Any]:
    """The table as JSON."""
    rows = []
    for group in groups(family, evaluation):
        row: dict[str, Any] = {"tasks": group.label, "count": int(group.members.sum())}
        row["return"] = [mean_interval(r[group.members]).to_json() for r in evaluation.returns]
        if len(evaluation.returns) > 1:
            row["gain"] = gain(evaluation, group.members).to_json()
        row["against"] = {o.run: mean_interval(o.returns[-1, group.members]).to_json() for o in against}
        rows.append(row)
    return {"evaluation": evaluation.to_json(), "against": [o.to_json() for o in against], "summary": rows}
