"""A standing as tables: returns and scores by episodes of adaptation, and what else there is to know."""

from __future__ import annotations

import numpy as np

from metarl.config.schema import NamedTasks
from metarl.evaluation import published
from metarl.evaluation.comparison import Comparison
from metarl.evaluation.lines import Lines
from metarl.evaluation.statistics import Estimate

FEW_SEEDS = 10  # Agarwal et al. 2021


def tables(comparison: Comparison) -> list[Lines]:
    """Returns and scores by episodes of adaptation, and all else after `at` of them."""
    families = f"{comparison.title}, split {comparison.split}"
    found = [_curves(comparison, "curve", f"{families}: return by episodes of adaptation")]
    if any(p.score for p in comparison.rows):
        found.append(_curves(comparison, "score", f"{families}: score between joint training (0) and oracle (1)"))
    found.append(_facts(comparison, f"{families}: after {comparison.at} episodes of adaptation"))
    return found


def _curves(comparison: Comparison, what: str, title: str) -> Lines:
    digits = 2 if what == "score" else None
    rows = []
    for place in comparison.rows:
        found: dict[int, Estimate] = getattr(place, what)
        cells = [found[k].said(digits=digits) if k in found else "" for k in comparison.after]
        fixed = len(place.entry.after) == 1
        rows.append([place.entry.learner, *(cells[:1] + [""] * (len(cells) - 1) if fixed else cells)])
    notes = [_meaning(comparison), *comparison.notes]
    if what == "curve":
        notes += _marks(comparison)
    return Lines(title, ["learner", *(f"after {k}" if k else "before" for k in comparison.after)], rows, notes)


def _meaning(comparison: Comparison) -> str:
    first = comparison.rows[0].entry.evaluations[0]
    seeds = sorted({len(p.entry.seeds) for p in comparison.rows})
    over = "seeds and tasks" if seeds[-1] > 1 else "tasks alone"
    mixed = ", of tasks alone where there is one seed" if seeds[0] == 1 < seeds[-1] else ""
    few = "; with fewer than ten seeds it is too narrow" if seeds[-1] < FEW_SEEDS else ""
    different = len({tuple(task.values()) for task in first.tasks})
    repeats = f" ({different} different)" if different < len(first.tasks) else ""
    return (
        f"interquartile mean over {len(first.tasks)} tasks{repeats} x {'/'.join(map(str, seeds))} training seeds "
        f"[95 % bootstrap interval over {over}{mixed}{few}], {first.repeats} trials a task"
    )


def _marks(comparison: Comparison) -> list[str]:
    tasks = comparison.config.tasks
    if not isinstance(tasks, NamedTasks) or tasks.horizon is not None or tasks.physics is not None:
        return []  # not as published
    marks = published.ROBOTS.get(tasks.name, ())
    said = [f"{m.who} {m.value:g} after {m.after} ({m.steps / 1e6:g} M steps; {m.source})" for m in marks]
    return [f"published, mean return: {'; '.join(said)}"] if said else []


def _facts(comparison: Comparison, title: str) -> Lines:
    headers = [
        "learner",
        "seeds",
        "trained for",
        "M steps",
        "minutes",
        "mean",
        "worst 5 %",
        "likeliest actions",
        "P(better than joint)",
        "ms to adapt",
        "diverged",
    ]
    rows = []
    for place in comparison.rows:
        e = place.entry
        row = e.after.index(comparison.at) if len(e.after) > 1 else 0
        rows.append(
            [
                e.learner,
                str(len(e.seeds)),
                str(e.evaluations[0].trained_after) if len(e.after) > 1 and not e.evaluations[0].chosen else "",
                f"{e.mean(lambda x: x.env_steps) / 1e6:.1f}",
                f"{e.mean(lambda x: x.minutes):.1f}",
                place.mean.said(),
                place.tail.said(),
                place.greedy.said(),
                place.improvement.said(digits=2),
                f"{np.mean([x.adapting_ms[row] for x in e.evaluations]):.1f}" if row else "",
                f"{100 * e.mean(lambda x: x.diverged):.2g} %",
            ]
        )
    notes = [
        "trained for: episodes of adaptation; mean; mean of the worst 5 % of the tasks that differ, at least one; "
        "interquartile mean of the likeliest actions, which a memory takes throughout; probability that a training "
        "beats one of joint training on a task; minutes of training; computation of an adaptation in a batch"
    ]
    notes += [
        f"{p.entry.learner}: {e.chosen} (chosen on training tasks, first seed)"
        for p in comparison.rows
        for e in p.entry.evaluations[:1]
        if e.chosen
    ]
    return Lines(title, headers, rows, notes)
