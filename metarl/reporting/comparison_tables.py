"""A comparison as tables: returns and scores by adaptation episodes, and the other statistics."""

from __future__ import annotations

import numpy as np

from envs.wording import count_of, millions
from metarl.evaluation import published
from metarl.evaluation.comparison import Comparison
from metarl.evaluation.comparison_scores import ComparisonRow
from metarl.evaluation.statistics import Estimate, interval_note
from metarl.evaluation.text_table import TextTable

FEW_SEEDS = 10  # Agarwal et al. 2021: with fewer the interval is too narrow
HEADERS = [
    *("learner", "seeds", "trained for", "M steps", "minutes", "mean", "worst 5 %", "greedy actions"),
    *("P(better than joint)", "ms to adapt", "diverged"),
]
MEANING = (
    "trained for: episodes of adaptation; M steps, minutes: of training; worst 5 %: mean of that part of the distinct "
    "tasks, at least one; greedy actions: interquartile mean where none is sampled, of a recurrent learner throughout; "
    "P: probability that a training beats one of joint training on a task; ms to adapt: computation of one adaptation "
    "in a batch"
)


def tables(comparison: Comparison) -> list[TextTable]:
    """Returns and scores by adaptation episodes, and everything else after `comparison.at` of them."""
    title = f"{comparison.title}, split {comparison.split}"
    notes = [_meaning(comparison), *comparison.notes]
    curves, scores = [row.curve for row in comparison.rows], [row.score for row in comparison.rows]
    returns_title = f"{title}: return by episodes of adaptation"
    made = [_curves(comparison, curves, None, returns_title, notes + _published(comparison))]
    if any(scores):
        scores_title = f"{title}: score between joint training (0) and {comparison.ceiling} (1)"
        made.append(_curves(comparison, scores, 2, scores_title, notes))
    return [*made, _statistics(comparison, f"{title}: after {count_of(comparison.at, 'episode')} of adaptation")]


def _curves(
    comparison: Comparison, curves: list[dict[int, Estimate]], digits: int | None, title: str, notes: list[str]
) -> TextTable:
    """A row for each learner, a column for each number of episodes; a learner that does not adapt has one number."""
    rows = []
    for row, curve in zip(comparison.rows, curves, strict=True):
        cells = [curve[k].to_text(digits=digits) if k in curve else "" for k in comparison.after]
        fixed = len(row.entry.after) == 1
        rows.append([row.entry.learner, *(cells[:1] + [""] * (len(cells) - 1) if fixed else cells)])
    return TextTable(title, ["learner", *(f"after {k}" if k else "before" for k in comparison.after)], rows, notes)


def _meaning(comparison: Comparison) -> str:
    first = comparison.rows[0].entry.evaluations[0]
    seeds = sorted({len(row.entry.seeds) for row in comparison.rows})
    over = "seeds and tasks" if seeds[-1] > 1 else "tasks alone"
    mixed = ", of tasks alone where there is one seed" if seeds[0] == 1 < seeds[-1] else ""
    few = "; with fewer than ten seeds it is too narrow" if seeds[-1] < FEW_SEEDS else ""
    distinct = len({tuple(task.values()) for task in first.tasks})
    repeats = f" ({distinct} different)" if distinct < len(first.tasks) else ""
    return (
        f"interquartile mean over {count_of(len(first.tasks), 'task')}{repeats} x {'/'.join(map(str, seeds))} training "
        f"{'seed' if seeds == [1] else 'seeds'} "
        f"[{interval_note(len(first.tasks), over + mixed + few)}], {count_of(first.repeats, 'repeat')} a task"
    )


def _published(comparison: Comparison) -> list[str]:
    """Results of others on the same distribution; none where its settings differ from the published ones."""
    results = published.ROBOTS.get(comparison.config.tasks.published_as or "", ())
    texts = [f"{r.learner} {r.value:g} after {r.after} ({r.steps / 1e6:g} M steps; {r.source})" for r in results]
    return [f"published, mean return: {'; '.join(texts)}"] if texts else []


def _statistics(comparison: Comparison, title: str) -> TextTable:
    selected = [
        f"{row.entry.learner}: {e.chosen} (selected on training tasks, first seed)"
        for row in comparison.rows
        for e in row.entry.evaluations[:1]
        if e.chosen
    ]
    rows = [_statistics_row(row, comparison.at) for row in comparison.rows]
    return TextTable(title, HEADERS, rows, [MEANING, *selected])


def _statistics_row(row: ComparisonRow, at: int) -> list[str]:
    entry, first = row.entry, row.entry.evaluations[0]
    adapts = len(entry.after) > 1
    k = entry.after.index(at) if adapts else 0
    return [
        entry.learner,
        str(len(entry.seeds)),
        str(first.trained_after) if adapts and not first.chosen else "",
        millions(entry.mean(lambda e: e.env_steps)),
        f"{entry.mean(lambda e: e.minutes):.1f}",
        row.mean.to_text(),
        row.tail.to_text(),
        row.greedy.to_text(),
        row.improvement.to_text(digits=2),
        f"{np.mean([e.adapting_ms[k] for e in entry.evaluations]):.1f}" if k else "",
        f"{100 * entry.mean(lambda e: e.diverged):.2g} %",
    ]
