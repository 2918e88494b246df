"""Learners side by side on the same tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from metarl.evaluation.comparison import Comparison, profile
from metarl.reporting.plots.figures import (
    Target,
    color_of,
    finish,
    label_ticks,
    plot_band,
    saved_figure,
    tidy,
)
from metarl.reporting.plots.training import column, millions_of_steps
from metarl.runs.folder import Run

MAX_PARAMETERS = 2  # that get a panel; chosen
MAX_CHOICES = 6  # different values up to which means of each are drawn


def plot_comparison(comparison: Comparison, target: Target) -> None:
    """Return by adaptation episodes with 95 % bands; which fraction of tasks reaches which score; return against the
    parameters that vary, the first two if there are more."""
    names = [v for v in comparison.family.descriptor_names if _count_values(comparison, v) > 1][:MAX_PARAMETERS]
    rows = 1 + bool(names)
    with saved_figure(target, rows, 2, (12, 0.6 + 4.6 * rows)) as (figure, axes):
        panels = axes.ravel()
        _plot_curves(panels[0], comparison)
        _plot_profiles(panels[1], comparison)
        for panel, name in zip(panels[2:], names, strict=False):
            _plot_returns(panel, name, comparison)
        for panel in panels:
            tidy(panel)
        for panel in panels[2 + len(names) :]:
            panel.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=7, fontsize=9, frameon=False)
        figure.suptitle(f"{comparison.title}, split {comparison.split}")


def plot_trainings(comparison: Comparison, runs: Sequence[Run], target: Target) -> None:
    """Return on training tasks, after adaptation where there is any, against environment steps; a line a training."""
    with saved_figure(target, 1, 1, (8, 4.6)) as (_, axes):
        for i, row in enumerate(comparison.rows):
            names = {e.run for e in row.entry.evaluations if not e.chosen}
            for j, run in enumerate(r for r in runs if r.name in names):
                records = run.records() if run.last_record() else []
                if not records:
                    continue
                key = "return_after" if any("return_after" in r for r in records) else "return_before"
                smooth = _smooth(column(records, key))
                steps = millions_of_steps(records)[len(records) - len(smooth) :]
                label = None if j else row.entry.learner
                axes[0, 0].plot(steps, smooth, color=color_of(i), linewidth=1.0, alpha=0.85, label=label)
        ylabel = "mean return on training tasks, at the end of a trial"
        axes[0, 0].set(xlabel="environment steps, millions", ylabel=ylabel)
        finish(axes[0, 0])


def _smooth(values: list[float], window: int = 5) -> NDArray[np.float64]:
    window = min(window, len(values))
    return np.convolve(values, np.full(window, 1 / window), "valid")


def _plot_curves(axes: Axes, comparison: Comparison) -> None:
    for i, row in enumerate(comparison.rows):
        color, curve = color_of(i), row.curve
        if len(row.entry.after) == 1:
            axes.axhline(curve[0].value, color=color, linestyle="--", label=row.entry.learner)
            axes.axhspan(curve[0].low, curve[0].high, color=color, alpha=0.08, linewidth=0)
            continue
        x = np.array([comparison.after.index(k) for k in curve])
        plot_band(axes, x, list(curve.values()), color, row.entry.learner)
    label_ticks(axes, comparison.after)
    axes.set(xlabel="episodes of adaptation", ylabel="return: interquartile mean, 95 % interval")


def _plot_profiles(axes: Axes, comparison: Comparison) -> None:
    low, high = -0.5, 1.5
    if comparison.ends is None:
        returns = np.concatenate([row.entry.returns(comparison.at).ravel() for row in comparison.rows])
        low, high = np.nanmin(returns), np.nanmax(returns)
    levels = np.linspace(low, high, 201)
    for i, row in enumerate(comparison.rows):
        fraction = profile(comparison, row.entry, levels)
        axes.plot(levels, fraction, color=color_of(i), linestyle="--" if len(row.entry.after) == 1 else "-")
    axes.set(
        xlabel="return" if comparison.ends is None else "score (0: joint training, 1: oracle)",
        ylabel=f"fraction of trainings x tasks above it, after {comparison.at} episodes",
        ylim=(-0.02, 1.02),
    )


def _plot_returns(axes: Axes, name: str, comparison: Comparison) -> None:
    """Mean over seeds: a dot for each task, or the mean of each choice where there are few."""
    values = np.array([task[name] for task in comparison.rows[0].entry.evaluations[0].tasks])
    distinct = sorted(set(values))
    for i, row in enumerate(comparison.rows):
        returns = row.entry.returns(comparison.at).mean(0)
        if len(distinct) <= MAX_CHOICES:
            means = [returns[values == v].mean() for v in distinct]
            line = "--" if len(row.entry.after) == 1 else "-"
            axes.plot(distinct, means, "o" + line, color=color_of(i), linewidth=1)
            axes.set_xticks(distinct)
        else:
            axes.scatter(values, returns, s=10, color=color_of(i))
    axes.set(xlabel=name, ylabel=f"return of a task after {comparison.at} episodes")


def _count_values(comparison: Comparison, name: str) -> int:
    return len({task[name] for task in comparison.rows[0].entry.evaluations[0].tasks})
