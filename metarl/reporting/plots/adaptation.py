"""How well one run adapts, and to which tasks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from envs.core import TaskDistribution
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.statistics import mean_interval
from metarl.evaluation.task_groups import Group, describe_tasks, everything, parts
from metarl.reporting.plots.figures import finish, label_ticks, plot_band, saved_figure

MAX_PANELS = 4  # of parameters; chosen
MAX_CHOICES = 4  # different values up to which a parameter counts as a choice


def plot_adaptation(
    family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation], path: Path
) -> None:
    """Left: return by adaptation episodes with 95 % bands. Right: return of every task against the parameters that
    vary, the first four if there are more.
    """
    varying = _continuous(family, evaluation)
    shown = varying[:MAX_PANELS]
    choices = [g for g in parts(family, evaluation) if not set(g.variables) & set(shown)]
    with saved_figure(path, 1, 1 + len(shown), (6 + 4.6 * len(shown), 4.4)) as (figure, axes):
        _plot_curves(axes[0, 0], family, evaluation, against)
        for panel, name in zip(axes[0, 1:], shown, strict=True):
            _plot_returns(panel, name, choices, evaluation, against)
        left_out = f"; {len(varying) - len(shown)} more numbers vary" if len(varying) > len(shown) else ""
        figure.suptitle(f"{evaluation.run}: {describe_tasks(family, evaluation)}{left_out}")


def _continuous(family: TaskDistribution, evaluation: Evaluation) -> list[str]:
    """Parameters of many different values."""
    values = {name: {task[name] for task in evaluation.tasks} for name in family.descriptor_names}
    return [name for name, distinct in values.items() if len(distinct) > MAX_CHOICES]


def _plot_curves(axes: Axes, family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation]) -> None:
    x = np.arange(len(evaluation.after))
    for i, group in enumerate([everything(evaluation), *parts(family, evaluation)]):
        estimates = [mean_interval(row[group.members]) for row in evaluation.returns]
        color, width = ("black", 2.4) if i == 0 else (f"C{i - 1}", 1.5)
        plot_band(axes, x, estimates, color, group.label, width)
    for j, other in enumerate(against):
        level = mean_interval(other.returns[other.adapted])
        axes.axhline(level.value, color="gray", linestyle=(0, (4, 2 + j)), label=f"{other.learner}, all tasks")
        axes.axhspan(level.low, level.high, color="gray", alpha=0.12, linewidth=0)
    label_ticks(axes, evaluation.after)
    axes.set(xlabel="episodes of adaptation", ylabel="mean return, 95 % interval")
    finish(axes)


def _plot_returns(
    axes: Axes, name: str, choices: list[Group], evaluation: Evaluation, against: Sequence[Evaluation]
) -> None:
    """A dot for each task; a marker for each choice of another parameter, such as the direction."""
    x = np.array([task[name] for task in evaluation.tasks])
    before, after, k = evaluation.returns[0], evaluation.returns[evaluation.adapted], evaluation.trained_after
    for group, marker in zip(choices or [everything(evaluation)], itertools.cycle("o^sv"), strict=False):
        m, suffix = group.members, f", {group.label}" if choices else ""
        axes.scatter(x[m], before[m], s=18, marker=marker, facecolors="none", edgecolors="C7", label=f"before{suffix}")
        if k:
            axes.scatter(x[m], after[m], s=22, marker=marker, color="C0", label=f"after {k}{suffix}")
    for j, other in enumerate(against):
        axes.scatter(x, other.returns[other.adapted], s=26, marker="_", color=f"C{3 + j}", label=other.learner)
    axes.set(xlabel=name, ylabel="return of a task")
    finish(axes)
