"""Pictures: how training went, how well it adapts, and where it fails."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from envs.core import TaskDistribution
from metarl.config.schema import SUPERVISED
from metarl.errors import UserError
from metarl.evaluation import comparison as compare_runs
from metarl.evaluation.comparison import Comparison
from metarl.evaluation.evaluate import Evaluation, Group, describe_tasks, everything, parts
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.runs.folder import Run

DPI = 130
MOST_PANELS = 4
MOST_NUMBERS = 2  # that vary, in the picture of a standing
MOST_CHOICES = 6


def plot_training(runs: list[Run], path: Path) -> None:
    """Return against environment steps, dashed before adaptation, solid after it; of runs on images the loss.

    Raises UserError for runs of both kinds: they have no axis in common.
    """
    kinds = {run.config.tasks.kind in SUPERVISED for run in runs}
    if len(kinds) > 1:
        raise UserError("runs on robots and runs on images have no axis in common: plot them one kind at a time")
    logs = [run.records() for run in runs]
    if empty := [run.path for run, records in zip(runs, logs, strict=True) if not records]:
        raise UserError(f"{empty[0]} has not finished an iteration: there is nothing to plot")
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for i, (run, records) in enumerate(zip(runs, logs, strict=True)):
        color = f"C{i}"
        steps = [r["env_steps"] / 1e6 for r in records]
        if "return_before" not in records[0]:
            axes.plot(steps, [r["loss"] for r in records], color=color, label=run.name, linewidth=0.8)
            axes.set(xlabel="images, millions", ylabel="loss on training tasks", yscale="log")
            continue
        before = [r["return_before"] for r in records]
        axes.set(xlabel="environment steps, millions", ylabel="mean return on training tasks")
        if "return_after" in records[0]:
            axes.plot(steps, [r["return_after"] for r in records], color=color, label=f"{run.name}, after")
            axes.plot(steps, before, color=color, linestyle="--", alpha=0.7, label=f"{run.name}, before")
        else:
            axes.plot(steps, before, color=color, label=run.name)
    _finish(axes)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def plot_adaptation(family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation], path: Path) -> None:
    """Left: return by episodes of adaptation with 95 % bands. Right: return of every task against what varies, the
    first four numbers if there are more.
    """
    every = _continuous(family, evaluation)
    variables = every[:MOST_PANELS]
    choices = [g for g in parts(family, evaluation) if not set(g.variables) & set(variables)]
    figure, panels = plt.subplots(
        1, 1 + len(variables), figsize=(6 + 4.6 * len(variables), 4.4), layout="constrained", squeeze=False
    )
    _curves(panels[0, 0], family, evaluation, against)
    for axes, name in zip(panels[0, 1:], variables, strict=True):
        _returns_by_parameter(axes, name, choices, evaluation, against)
    left_out = f"; {len(every) - len(variables)} more numbers vary" if len(every) > len(variables) else ""
    figure.suptitle(f"{evaluation.run}: {describe_tasks(family, evaluation)}{left_out}")
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def plot_comparison(comparison: Comparison, path: Path | IO[bytes]) -> None:
    """Return by episodes of adaptation with 95 % bands; how many tasks reach which score; return by what varies."""
    names = [v for v in comparison.family.descriptor_names if _seen(comparison, v) > 1][:MOST_NUMBERS]
    rows = 1 + bool(names)
    figure, grid = plt.subplots(rows, 2, figsize=(12, 0.6 + 4.6 * rows), layout="constrained", squeeze=False)
    panels = grid.ravel()
    _comparison_curves(panels[0], comparison)
    _profiles(panels[1], comparison)
    for axes, name in zip(panels[2:], names, strict=False):
        _returns_of_learners(axes, name, comparison)
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[2 + len(names) :]:
        axes.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=7, fontsize=9, frameon=False)
    figure.suptitle(f"{comparison.title}, split {comparison.split}")
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def plot_trainings(comparison: Comparison, runs: Sequence[Run], path: Path | IO[bytes]) -> None:
    """Return on training tasks, after adaptation where there is any, against environment steps; a line a training."""
    figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
    for i, place in enumerate(comparison.rows):
        chosen = {e.run for e in place.entry.evaluations if not e.chosen}
        for j, run in enumerate(r for r in runs if r.name in chosen):
            records = run.records()
            last = "return_after" if "return_after" in records[0] else "return_before"
            smooth = _smooth([r[last] for r in records])
            steps = [r["env_steps"] / 1e6 for r in records][len(records) - len(smooth) :]
            label = None if j else place.entry.learner
            axes.plot(steps, smooth, color=_color(i), linewidth=1.0, alpha=0.85, label=label)
    axes.set(xlabel="environment steps, millions", ylabel="mean return on training tasks, at the end of a trial")
    _finish(axes)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def plot_growth(panels: dict[str, dict[str, list[tuple[int, float]]]], title: str, path: Path) -> None:
    """Control steps a second against the number of worlds: for each robot a line for each way."""
    figure, row = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4.0), layout="constrained", squeeze=False, sharey=True
    )
    for axes, (robot, lines) in zip(row[0], panels.items(), strict=True):
        for label, points in lines.items():
            axes.plot(*zip(*points, strict=True), "o-", markersize=4, label=label)
        axes.set(xscale="log", yscale="log", xlabel="worlds", title=robot)
        axes.set_xscale("log", base=2)
        _finish(axes)
    row[0, 0].set_ylabel("control steps/s")
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def _smooth(values: list[float], window: int = 5) -> NDArray[np.float64]:
    window = min(window, len(values))
    return np.convolve(values, np.full(window, 1 / window), "valid")


def _color(i: int) -> Any:
    strong, pale = plt.get_cmap("tab10"), plt.get_cmap("Set2")
    return strong(i) if i < 10 else pale((i - 10) % 8)


def _comparison_curves(axes: Axes, comparison: Comparison) -> None:
    for i, place in enumerate(comparison.rows):
        color, found = _color(i), place.curve
        if len(place.entry.after) == 1:
            level = found[0]
            axes.axhline(level.value, color=color, linestyle="--", label=place.entry.learner)
            axes.axhspan(level.low, level.high, color=color, alpha=0.08, linewidth=0)
            continue
        places = np.array([comparison.after.index(k) for k in found])
        _band(axes, places, list(found.values()), color, place.entry.learner)
    axes.set_xticks(np.arange(len(comparison.after)), list(map(str, comparison.after)))
    axes.set(xlabel="episodes of adaptation", ylabel="return: interquartile mean, 95 % interval")


def _profiles(axes: Axes, comparison: Comparison) -> None:
    low, high = -0.5, 1.5
    if comparison.ends is None:
        returns = np.concatenate([place.entry.returns(comparison.at).ravel() for place in comparison.rows])
        low, high = np.nanmin(returns), np.nanmax(returns)
    levels = np.linspace(low, high, 201)
    for i, place in enumerate(comparison.rows):
        share = compare_runs.profile(comparison, place.entry, levels)
        axes.plot(levels, share, color=_color(i), linestyle="--" if len(place.entry.after) == 1 else "-")
    axes.set(
        xlabel="return" if comparison.ends is None else "score (0: joint training, 1: oracle)",
        ylabel=f"share of trainings x tasks above it, after {comparison.at} episodes",
        ylim=(-0.02, 1.02),
    )


def _returns_of_learners(axes: Axes, name: str, comparison: Comparison) -> None:
    """Mean over seeds, of every task a dot; of a few choices the mean of each."""
    values = np.array([task[name] for task in comparison.rows[0].entry.evaluations[0].tasks])
    few = len(set(values)) <= MOST_CHOICES
    for i, place in enumerate(comparison.rows):
        returns = place.entry.returns(comparison.at).mean(0)
        dashed = "--" if len(place.entry.after) == 1 else "-"
        if few:
            x = sorted(set(values))
            axes.plot(x, [returns[values == v].mean() for v in x], "o" + dashed, color=_color(i), linewidth=1)
            axes.set_xticks(x)
        else:
            axes.scatter(values, returns, s=10, color=_color(i))
    axes.set(xlabel=name, ylabel=f"return of a task after {comparison.at} episodes")


def _seen(comparison: Comparison, name: str) -> int:
    return len({task[name] for task in comparison.rows[0].entry.evaluations[0].tasks})


def _curves(axes: Axes, family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> None:
    places = np.arange(len(evaluation.after))
    for i, group in enumerate([everything(evaluation), *parts(family, evaluation)]):
        estimates = [mean_interval(row[group.members]) for row in evaluation.returns]
        color, width = ("black", 2.4) if i == 0 else (f"C{i - 1}", 1.5)
        _band(axes, places, estimates, color, group.label, width)
    for j, other in enumerate(against):
        level = mean_interval(other.returns[other.adapted])
        axes.axhline(level.value, color="gray", linestyle=(0, (4, 2 + j)), label=f"{other.learner}, all tasks")
        axes.axhspan(level.low, level.high, color="gray", alpha=0.12, linewidth=0)
    axes.set_xticks(places, list(map(str, evaluation.after)))
    axes.set(xlabel="episodes of adaptation", ylabel="mean return, 95 % interval")
    _finish(axes)


def _band(
    axes: Axes, x: NDArray[np.int64], estimates: Sequence[Estimate], color: Any, label: str, width: float = 1.5
) -> None:
    low, high = [e.low for e in estimates], [e.high for e in estimates]
    axes.plot(x, [e.value for e in estimates], "o-", color=color, linewidth=width, label=label)
    axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)


def _returns_by_parameter(
    axes: Axes, name: str, choices: list[Group], evaluation: Evaluation, against: list[Evaluation]
) -> None:
    """One dot a task; a marker for each choice of a parameter, such as the direction."""
    x = np.array([task[name] for task in evaluation.tasks])
    for group, marker in zip(choices or [everything(evaluation)], itertools.cycle("o^sv"), strict=False):
        m, which = group.members, f", {group.label}" if choices else ""
        before, after, k = evaluation.returns[0, m], evaluation.returns[evaluation.adapted, m], evaluation.trained_after
        axes.scatter(x[m], before, s=18, marker=marker, facecolors="none", edgecolors="C7", label=f"before{which}")
        if k:
            axes.scatter(x[m], after, s=22, marker=marker, color="C0", label=f"after {k}{which}")
    for j, other in enumerate(against):
        axes.scatter(x, other.returns[other.adapted], s=26, marker="_", color=f"C{3 + j}", label=other.learner)
    axes.set(xlabel=name, ylabel="return of a task")
    _finish(axes)


def _continuous(family: TaskDistribution, evaluation: Evaluation) -> list[str]:
    values = {name: {task[name] for task in evaluation.tasks} for name in family.descriptor_names}
    return [name for name, seen in values.items() if len(seen) > 4]


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
