"""How near a learner comes to waves it never saw."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from agents.learner import FewShotLearner, Params
from agents.objectives import mse
from agents.optimization import Supervised
from envs.core import Examples
from metarl.config.schema import SinusoidTasks
from metarl.errors import UserError
from metarl.evaluation.evaluate import seeded
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_supervised_tasks
from metarl.training.trainer import FewShotTrainer

QUERY = 100  # points of each wave on which a learner is judged


def evaluate(
    run: Run, split: str, shots: Sequence[int], steps: Sequence[int], tasks: int, seed: int
) -> dict[int, dict[int, Estimate]]:
    """Squared error of a run on unseen waves, by points shown and by gradient steps.

    A learner without gradient steps is judged before and after its one reading of the points.
    """
    trainer = FewShotTrainer(run.config, checkpoint.selected_checkpoint(run))
    learner, own = trainer.learner, run.config.tasks
    assert isinstance(own, SinusoidTasks)
    steps = steps if isinstance(learner, Supervised) else (0, 1)
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")
    found: dict[int, dict[int, Estimate]] = {}
    for shot in shots:
        family = build_supervised_tasks(own.model_copy(update={"shot": shot, "query": QUERY}))
        task = family.examples(family.sample(tasks, split, seeded(seed)))
        found[shot] = {k: _squared_error(learner, trainer.state.theta, k, *task) for k in steps}
    return found


def _squared_error(learner: FewShotLearner, theta: Params, steps: int, support: Examples, query: Examples) -> Estimate:
    if isinstance(learner, Supervised):
        learner = dataclasses.replace(learner, test_steps=steps)

    def error(s: Examples, q: Examples) -> Tensor:
        phi = learner.initial_state(theta)
        phi = learner.adapt(theta, phi, s) if steps else phi
        return mse(learner.apply(theta, phi, q.x), q)

    return mean_interval(torch.func.vmap(error)(support, query).double().numpy())


def table(run: Run, split: str, tasks: int, found: dict[int, dict[int, Estimate]]) -> Table:
    """A row for each number of points shown, a column for each number of gradient steps."""
    steps = list(next(iter(found.values())))
    out = Table(title=f"{run.name}: squared error on {tasks} {split} waves")
    after = {k: f"after {k} step{'s' if k > 1 else ''}" for k in steps} if len(steps) > 2 else {1: "after"}
    for column in ("points shown", *(after.get(k, "before") for k in steps)):
        out.add_column(column, justify="right")
    for shot, errors in found.items():
        out.add_row(str(shot), *(escape(e.said(digits=2)) for e in errors.values()))
    out.caption = "mean [95 % bootstrap interval over waves]; one training seed"
    return out
