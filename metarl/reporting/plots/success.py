"""Success of legged robots by the kind of ground and its difficulty, as a heat map.

Axes: `K` kinds of ground, `D` intervals of difficulty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.variations.ground import KINDS
from envs.variations.registry import VARIATIONS, base_name
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.reporting.plots.figures import Target, small_multiples
from metarl.reporting.plots.labels import axis_label
from metarl.reporting.plots.palette import shown

INTERVALS = 5  # of difficulty; chosen
SMALL = 0.01  # of the range, below which an end of it is called 0; chosen
DARK = 60.0  # percent, above which a cell is dark
Floats = NDArray[np.float64]


def difficulty_of(evaluation: Evaluation) -> str | None:
    """The variable of the ground along which success is shown; None without one, or without success."""
    if "success" not in evaluation.results:
        return None
    varied = [name for name in evaluation.tasks[0] if len({task[name] for task in evaluation.tasks}) > INTERVALS]
    known = VARIATIONS.items()
    grounds = [n for n in varied if n != "layout" and base_name(n) in known and known[base_name(n)].kind == "terrain"]
    return "difficulty" if "difficulty" in grounds else next(iter(grounds), None)


def plot_success(evaluations: Sequence[Evaluation], name: str, target: Target) -> None:
    """Success in percent of greedy actions after adaptation, of each learner: a row for each kind of ground, a column
    for each interval of the variable `name`; cells without a task are empty.
    """
    values = np.array([task[name] for task in evaluations[0].tasks])
    edges = np.linspace(values.min(), values.max(), INTERVALS + 1)
    kinds = np.array([task.get("ground", -1.0) for task in evaluations[0].tasks])
    rows = sorted(set(kinds.tolist()))
    title = f"success in %, {len(values)} tasks, greedy actions"
    with small_multiples(target, len(evaluations), title) as (_, axes):
        for panel, evaluation in zip(axes, evaluations, strict=False):
            table = success_table(evaluation, name, edges, rows)
            panel.imshow(table, vmin=0, vmax=100, cmap="Blues", aspect="auto")
            panel.grid(visible=False)
            for (k, d), percent in np.ndenumerate(table):
                text, color = "" if np.isnan(percent) else f"{percent:.0f}", "white" if percent > DARK else "black"
                panel.text(d, k, text, ha="center", va="center", fontsize=7, color=color)
            panel.set_xticks(np.arange(INTERVALS + 1) - 0.5, edge_labels(edges))
            panel.set_yticks(range(len(rows)), ["all" if row < 0 else KINDS[int(row)] for row in rows])
            panel.set(xlabel=axis_label(name), title=shown(evaluation.learner))


def edge_labels(edges: Floats) -> list[str]:
    """Numbers with two digits; 0 for one that is so near to it that tasks could have it."""
    return ["0" if abs(edge) < SMALL * (edges[-1] - edges[0]) else f"{edge:.2g}" for edge in edges]


def success_table(evaluation: Evaluation, name: str, edges: Floats, rows: Sequence[float]) -> Floats:
    """Mean success in percent, [K, D]; NaN where there is no task."""
    success = evaluation.results["success"][evaluation.adapted]
    column = np.clip(np.searchsorted(edges, [task[name] for task in evaluation.tasks], "right") - 1, 0, len(edges) - 2)
    kinds = np.array([task.get("ground", -1.0) for task in evaluation.tasks])
    table = np.full((len(rows), len(edges) - 1), np.nan)
    for k, row in enumerate(rows):
        for d in range(len(edges) - 1):
            members = (kinds == row) & (column == d)
            if members.any():
                table[k, d] = 100 * np.nanmean(success[members])
    return table
