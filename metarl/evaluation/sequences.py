"""How much of a sequence a learner can tell again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from agents.objectives import bits
from envs.core import Examples
from envs.fewshot.copying import Copying, count_wrong_bits
from metarl.config.schema import CopyTasks
from metarl.errors import UserError
from metarl.evaluation.evaluate import seeded
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.trainer import FewShotTrainer


class Told(NamedTuple):
    """Sequences of one length."""

    length: int
    repeats: int
    cost: Estimate  # bits a sequence
    wrong: Estimate  # wrong bits a sequence

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "cost": self.cost.to_json(), "wrong": self.wrong.to_json()}


def lengths_of(tasks: CopyTasks) -> list[int]:
    """A quarter, a half and all of the longest sequence of training, and beyond it twice and four times."""
    return sorted({max(1, round(tasks.length * part)) for part in (0.25, 0.5, 1, 2, 4)})


@torch.no_grad()
def evaluate(run: Run, split: str, lengths: Sequence[int], tasks: int, seed: int) -> list[Told]:
    """A run's newest checkpoint on unseen sequences of each length, with as many copies as it ever had to tell."""
    trainer = FewShotTrainer(run.config, checkpoint.selected_checkpoint(run))
    own, learner, theta = run.config.tasks, trainer.learner, trainer.state.theta
    assert isinstance(own, CopyTasks)
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")

    def told(s: Examples, q: Examples) -> tuple[Tensor, Tensor]:
        logits = learner.apply(theta, learner.adapt(theta, learner.initial_state(theta), s), q.x)
        return bits(logits, q) * q.y.numel(), count_wrong_bits(logits, q.y)

    found = []
    for length in lengths:
        family = Copying((length, length), (1, own.repeats), own.bits)
        sampled = family.sample(tasks, split, seeded(seed))
        sampled.values[:, sampled.names.index("repeats")] = own.repeats
        cost, wrong = (v.double().numpy() for v in torch.func.vmap(told)(*family.examples(sampled)))
        found.append(Told(length, own.repeats, mean_interval(cost), mean_interval(wrong)))
    return found


def table(run: Run, split: str, tasks: int, found: list[Told]) -> Table:
    """A row for each length."""
    own = run.config.tasks
    assert isinstance(own, CopyTasks)
    out = Table(title=f"{run.name}: {tasks} {split} sequences of each length, trained on up to {own.length}")
    for column in ("length", "copies", "bits a sequence", "wrong bits a sequence", "of"):
        out.add_column(column, justify="right")
    for row in found:
        told = row.length * row.repeats * own.bits
        estimates = (escape(e.said(digits=3)) for e in (row.cost, row.wrong))
        out.add_row(str(row.length), str(row.repeats), *estimates, str(told))
    out.caption = "mean [95 % bootstrap interval over sequences]; one training seed"
    return out
