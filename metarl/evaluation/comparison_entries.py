"""The learners of a comparison: runs that differ in nothing but their seed are one entry.

Axes: `S` training seeds, `N` tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from metarl.config.experiment import without_seed
from metarl.errors import UserError
from metarl.evaluation.adaptation import AdaptationEvaluator, display_name
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.evaluator import Options, Start
from metarl.evaluation.statistics import Returns
from metarl.runs import checkpoint
from metarl.runs.folder import Run

FINE_TUNED: tuple[Start, ...] = ("trained", "scratch")


class Entry(NamedTuple):
    """One learner: evaluations of runs that differ in nothing but their seed."""

    name: str
    learner: str
    seeds: list[int]
    evaluations: list[Evaluation]  # one a seed
    baseline: str = ""  # `joint` or `oracle`, where it is one of these

    @property
    def after(self) -> tuple[int, ...]:
        """The numbers of adaptation episodes; only 0 for a learner that does not adapt."""
        return self.evaluations[0].after

    def returns(self, after: int, greedy: bool = False) -> Returns:
        """Returns after so many adaptation episodes, [S, N]; always the same of a learner that does not adapt."""
        row = self.after.index(after) if len(self.after) > 1 else 0
        return np.stack([(e.greedy if greedy else e.returns)[row] for e in self.evaluations])

    def has(self, after: int) -> bool:
        """Whether there are returns after so many adaptation episodes."""
        return len(self.after) == 1 or after in self.after

    def mean(self, of: Callable[[Evaluation], float]) -> float:
        """Over seeds."""
        return sum(map(of, self.evaluations)) / len(self.evaluations)


def make_entries(runs: Sequence[Run], options: Options, fine_tune: bool, tell: Callable[[str], None]) -> list[Entry]:
    """An entry for each config of `runs`, which are all on the same distribution of tasks.

    fine_tune: joint training counts three times: as it is, fine-tuned in each task, and from scratch.
    """
    entries = []
    for start in (None, *(FINE_TUNED if fine_tune else ())):
        for group in group_by_config(runs):
            if start is None or group[0].config.learner.baseline == "joint":
                entries.append(_entry(group, options._replace(fine_tune=start), tell))
    return entries


def is_evaluated(run: Run, options: Options) -> bool:
    """Whether all results of a run that a comparison needs are stored."""
    starts = (None, *(FINE_TUNED if run.config.learner.baseline == "joint" else ()))
    evaluator = AdaptationEvaluator(run.config)
    return all(evaluator.find_stored(run, options._replace(fine_tune=start)) is not None for start in starts)


def group_by_config(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ in their seed alone; of two with the same seed, which are the same, the first."""
    groups: dict[tuple[str, bool], dict[int, Run]] = {}
    for run in runs:
        groups.setdefault((without_seed(run.config), run.best), {}).setdefault(run.config.seed, run)
    return [list(seeds.values()) for seeds in groups.values()]


def check_same_iteration(runs: Sequence[Run], iterations: Sequence[int]) -> None:
    """Raise UserError where runs of one config were trained for different numbers of iterations."""
    if not runs[0].best and len(set(iterations)) > 1:
        raise UserError(f"the runs of {runs[0].title} ended at different iterations: resume the shorter ones")


def _entry(runs: list[Run], options: Options, tell: Callable[[str], None]) -> Entry:
    """The stored or new evaluations of runs that differ in their seed."""
    check_same_iteration(runs, [checkpoint.selected_iteration(run) for run in runs])
    config, start = runs[0].config, options.fine_tune
    name, evaluator = display_name(config, start), AdaptationEvaluator(config)
    evaluations = []
    for run in runs:
        tell(f"{run.name}: {name}")
        evaluations.append(evaluator.stored_or_evaluated(run, options))
    baseline = config.learner.baseline if start is None else ""
    return Entry(runs[0].title, name, [run.config.seed for run in runs], evaluations, baseline)


def fill_gaps(entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    """Where every simulation of a task diverged its return is unknown: it counts as the worst that any learner had.

    Raises UserError for a task on which no learner has a return.
    """
    returns = np.concatenate([np.concatenate([e.returns, e.greedy]) for x in entries for e in x.evaluations])
    if np.isnan(returns).all(0).any():
        raise UserError(
            "there is a task on which the simulations of every learner diverged: nothing can be compared on it, "
            "evaluate on another --seed"
        )
    worst = np.nanmin(returns, 0)
    filled, notes = [], []
    for entry in entries:
        gaps = sum(int(np.isnan(e.returns).sum()) for e in entry.evaluations)
        if gaps:
            notes.append(
                f"{entry.learner}: all simulations of a task diverged {gaps} times, which counts as the worst return"
            )
        evaluations = [
            e._replace(
                returns=np.where(np.isnan(e.returns), worst, e.returns),
                greedy=np.where(np.isnan(e.greedy), worst, e.greedy),
            )
            for e in entry.evaluations
        ]
        filled.append(entry._replace(evaluations=evaluations))
    return filled, notes


def with_distinct_names(entries: list[Entry]) -> list[Entry]:
    """Learners of one kind get the names of their configs too; the first joint training and oracle keep theirs."""
    names = [e.learner for e in entries]
    kept: set[str] = set()
    renamed = []
    for entry in entries:
        ambiguous = names.count(entry.learner) > 1
        keeps_name = bool(entry.baseline) and entry.learner not in kept
        kept.add(entry.learner)
        name = f"{entry.learner} ({entry.name})" if ambiguous and not keeps_name else entry.learner
        renamed.append(entry._replace(learner=name))
    return renamed
