"""Acting learners side by side on the same unseen tasks: one comparison for each distribution of tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core import TaskDistribution
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.comparison_entries import Entry, fill_gaps, plan_entries, with_distinct_names
from metarl.evaluation.comparison_scores import ComparisonRow, baselines_of, make_row, note_above, strata
from metarl.evaluation.defaults import STARTS, Start
from metarl.evaluation.evaluator import Options
from metarl.evaluation.progress import Progress
from metarl.evaluation.statistics import Bootstrap
from metarl.runs.folder import Run
from metarl.training.build import build_family


class Comparison(NamedTuple):
    """All learners on one distribution of tasks."""

    title: str
    family: TaskDistribution
    config: Config  # of one of its runs: its tasks
    split: str
    after: tuple[int, ...]
    at: int  # adaptation episodes at which all but curves are reported
    rows: list[ComparisonRow]
    ends: tuple[float, float] | None  # of the score: interquartile means of joint training and of the ceiling
    ceiling: str  # the better of those that are told the task, whose score is 1; nothing where there is none
    notes: list[str]  # what a reader must know

    def to_json(self) -> dict[str, Any]:
        """All numbers, and the evaluations that they are made of."""
        tasks, rows = self.config.tasks.model_dump(mode="json"), [_row_json(row) for row in self.rows]
        return {"tasks": tasks, "split": self.split, "at": self.at, "ceiling": self.ceiling, "learners": rows}


def _row_json(row: ComparisonRow) -> dict[str, Any]:
    estimates = {k: getattr(row, k).to_json() for k in ("mean", "tail", "greedy", "improvement")}
    curves = {k: {a: e.to_json() for a, e in getattr(row, k).items()} for k in ("curve", "score")}
    entry = row.entry
    names = {"name": entry.name, "learner": entry.learner, "seeds": entry.seeds, "above_ceiling_after": row.above}
    return {**names, **curves, **estimates, "evaluations": [e.to_json() for e in entry.evaluations]}


def compare_runs(
    runs: Sequence[Run],
    options: Options,
    *,
    at: int = 3,
    starts: Sequence[Start] = STARTS["all"],
    progress: Progress | None = None,
) -> list[Comparison]:
    """Every run on the same unseen tasks of its distribution; stored results are not computed again.

    at: adaptation episodes at which all but curves are reported. starts: of fine-tuning of joint
    training, which counts as it is and once more for each of these. Raises UserError for runs that have no policy.
    """
    by_tasks: dict[str, list[Run]] = {}
    for run in runs:
        tasks = run.config.tasks
        if tasks.is_supervised:
            raise UserError(f"{run.name} is on {tasks.kind} tasks, others act: compare one kind at a time")
        by_tasks.setdefault(json.dumps(tasks.data_key()), []).append(run)
    progress = progress or Progress()
    after = tuple(sorted({*options.after, at}))
    options = options._replace(after=after)
    plans = [plan_entries(group, options, starts) for group in by_tasks.values()]
    everything = [planned for plan in plans for planned in plan]
    progress.expect(sum(planned.work + planned.work_before for planned in everything))
    for planned in everything:  # first, so that other processes can go on with other seeds
        planned.prepare(progress)
    return [
        compare_entries(plan[0].runs[0].config, options.split, [p.make(progress) for p in plan], after, at)
        for plan in plans
    ]


def compare_entries(config: Config, split: str, entries: list[Entry], after: tuple[int, ...], at: int) -> Comparison:
    """The comparison of learners on the tasks of one config. Raises UserError where they were evaluated on others."""
    family = build_family(config)
    tasks = entries[0].evaluations[0].tasks
    if any(e.tasks != tasks for entry in entries for e in entry.evaluations):
        raise UserError("the runs were evaluated on different tasks: remove their evaluation_*.json and compare again")
    entries, notes = fill_gaps(entries)
    entries = with_distinct_names(entries)
    boot = Bootstrap(strata(family, split, tasks))
    baselines = baselines_of(boot, entries)
    rows = [make_row(boot, entry, after, at, baselines) for entry in entries]
    notes += baselines.notes() + note_above(rows, baselines)
    ends, ceiling = baselines.ends, baselines.ceiling_name
    return Comparison(_title(family, config), family, config, split, after, at, rows, ends, ceiling, notes)


def _title(family: TaskDistribution, config: Config) -> str:
    varies = ", ".join(v.describe() for v in family.variables if v.name in family.descriptor_names)
    return config.tasks.heading(varies)


def profile(comparison: Comparison, entry: Entry, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of trainings x tasks whose score is above each of `levels` (Agarwal et al. 2021, section 4.2).

    A score is the return of a task between the interquartile means of joint training (0) and ceiling (1); the return
    itself where there is no score.
    """
    zero, one = comparison.ends or (0.0, 1.0)
    scores = (entry.returns(comparison.at) - zero) / (one - zero)
    return np.asarray((scores.ravel()[None] > levels[:, None]).mean(1))
