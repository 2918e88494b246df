"""The learners of a comparison: runs that differ in nothing but their seed are one entry.

Axes: `S` training seeds, `N` tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from envs.wording import count_of
from metarl.config.experiment import without_seed
from metarl.errors import UserError
from metarl.evaluation.adaptation import AdaptationEvaluator, display_name
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.defaults import Start
from metarl.evaluation.evaluator import Options
from metarl.evaluation.progress import Progress
from metarl.evaluation.statistics import Returns
from metarl.runs import checkpoint
from metarl.runs.folder import Run


class Entry(NamedTuple):
    """One learner: evaluations of runs that differ in nothing but their seed."""

    name: str
    learner: str
    seeds: list[int]
    evaluations: list[Evaluation]  # one a seed
    baseline: str = ""  # `joint`, `oracle` or `sb3`, where it is one of these

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


class PlannedEntry(NamedTuple):
    """What an entry is made of: runs that differ in their seed, what was stored of them, and how they are evaluated."""

    runs: list[Run]
    options: Options
    evaluator: AdaptationEvaluator
    stored: list[Evaluation | None]

    @property
    def work(self) -> float:
        """What there is to evaluate, in control steps."""
        missing = self.stored.count(None)
        return missing * self.evaluator.work(self.runs[0].config, self.options) if missing else 0.0

    @property
    def work_before(self) -> float:
        """What there is to do to select fine-tuning."""
        return self.evaluator.work_before(self.runs[0], self.options) if None in self.stored else 0.0

    def prepare(self, progress: Progress) -> None:
        """Select fine-tuning where it is needed, on the first of the runs."""
        if None in self.stored:
            self.evaluator.prepare(self.runs[0], self.options, progress)

    def make(self, progress: Progress) -> Entry:
        """The entry; what was not stored is evaluated."""
        config, start = self.runs[0].config, self.options.fine_tune
        evaluations = [
            self.evaluator.stored_or_evaluated(run, self.options, progress) if stored is None else stored
            for run, stored in zip(self.runs, self.stored, strict=True)
        ]
        baseline = config.learner.baseline if start is None else ""
        seeds = [run.config.seed for run in self.runs]
        return Entry(self.runs[0].title, display_name(config, start), seeds, evaluations, baseline)


def plan_entries(runs: Sequence[Run], options: Options, starts: Sequence[Start]) -> list[PlannedEntry]:
    """An entry for each config of `runs`, which are all on the same distribution of tasks.

    starts: joint training counts as it is, and once more fine-tuned in each task from each of these.
    """
    return [
        _planned(group, options._replace(fine_tune=start))
        for start in (None, *starts)
        for group in group_by_config(runs)
        if start is None or group[0].config.learner.baseline == "joint"
    ]


def is_evaluated(run: Run, options: Options, starts: Sequence[Start]) -> bool:
    """Whether all results of a run that a comparison needs are stored."""
    return all(None not in planned.stored for planned in plan_entries([run], options, starts))


def is_tuned(run: Run, options: Options, starts: Sequence[Start]) -> bool:
    """Whether all fine-tuning that a comparison needs of a run is selected."""
    return not any(planned.work_before for planned in plan_entries([run], options, starts))


def _planned(runs: list[Run], options: Options) -> PlannedEntry:
    check_same_iteration(runs, [checkpoint.selected_iteration(run) for run in runs])
    evaluator = AdaptationEvaluator(runs[0].config)
    return PlannedEntry(runs, options, evaluator, [evaluator.find_stored(run, options) for run in runs])


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
            times = count_of(gaps, "time")
            notes.append(
                f"{entry.learner}: all simulations of a task diverged {times}, which counts as the worst return"
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
    """Learners of one kind get the names of their configs too; the first of each baseline keep theirs."""
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
