"""A search of hyper-parameters: its scores as they came, and which settings they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from metarl.reporting.plots.figures import PAGE, Target, add_legend, saved_figure, tidy
from metarl.reporting.plots.palette import COLORS, shown


class Scores(NamedTuple):
    """Candidates by their number: the scores of those that came to their end, and which were given up."""

    finished: Mapping[int, float]  # one at least
    given_up: Sequence[int] = ()


def plot_search(scores: Scores, importances: Mapping[str, float], title: str, target: Target) -> None:
    """Left: scores, and the best so far. Right: the share of each setting in the differences, where there is any."""
    columns = 2 if importances else 1
    height = max(2.2, 0.8 + 0.22 * len(importances))
    with saved_figure(target, 1, columns, (PAGE, height)) as (figure, axes):
        for panel in axes[0]:
            tidy(panel)
        _history(axes[0, 0], scores)
        if importances:
            _importance(axes[0, 1], importances)
        add_legend(figure, axes[0], shown(title))


def _history(axes: Axes, scores: Scores) -> None:
    numbers, values = list(scores.finished), list(scores.finished.values())
    best = np.maximum.accumulate(values)
    axes.plot(numbers, values, "o", markersize=3, color=COLORS["blue"], label="score")
    end = max([*numbers, *scores.given_up])
    axes.step([*numbers, end], [*best, best[-1]], where="post", color=COLORS["black"], label="best so far")
    if scores.given_up:
        bottom = axes.get_ylim()[0]
        axes.plot(
            scores.given_up, [bottom] * len(scores.given_up), "x", markersize=3, color=COLORS["gray"], label="given up"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="candidate", ylabel="score")


def _importance(axes: Axes, importances: Mapping[str, float]) -> None:
    names = sorted(importances, key=lambda name: importances[name])
    axes.barh([shown(name) for name in names], [importances[name] for name in names], color=COLORS["blue"], height=0.6)
    axes.set(xlabel="importance (PED-ANOVA), share of the differences", xlim=(0, 1))
