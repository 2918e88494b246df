"""How well one run adapts, and to which tasks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from envs.core import TaskDistribution
from metarl.evaluation.adaptation_evaluation import Evaluation, labels_of
from metarl.evaluation.statistics import mean_interval
from metarl.evaluation.task_groups import Group, describe_tasks, everything, parts
from metarl.reporting.plots.figures import (
    Target,
    interval_label,
    plot_band,
    plot_level,
    scale_episodes,
    small_multiples,
)
from metarl.reporting.plots.labels import axis_label, group_label
from metarl.reporting.plots.palette import Style, shown, styles_of

MAX_GROUPS = 6  # of tasks with a panel; chosen
MAX_PANELS = 4  # of parameters; chosen
MAX_CHOICES = 4  # different values up to which a parameter counts as a choice


def plot_adaptation(
    family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation], target: Target
) -> None:
    """First return by adaptation episodes with 95 % bands, a panel for all tasks and one for each group of them; then
    return of every task against the parameters that vary, the first four if there are more.
    """
    varying = _continuous(family, evaluation)
    names = varying[:MAX_PANELS]
    groups = [everything(evaluation), *parts(family, evaluation)][: 1 + MAX_GROUPS]
    choices = [g for g in parts(family, evaluation) if not set(g.variables) & set(names)]
    labels = labels_of([evaluation, *against])
    styles, labels = styles_of(labels), [shown(label) for label in labels]
    left_out = f"; {len(varying) - len(names)} more numbers vary" if len(varying) > len(names) else ""
    title = f"{evaluation.run}: {describe_tasks(family, evaluation)}{left_out}"
    with small_multiples(target, len(groups) + len(names), title) as (_, axes):
        for panel, group in zip(axes, groups, strict=False):
            _plot_curve(panel, group, evaluation, against, styles, labels)
        for panel, name in zip(axes[len(groups) :], names, strict=True):
            _plot_returns(panel, name, choices, evaluation, against, styles, labels)
        limits = np.array([panel.get_ylim() for panel in axes[: len(groups)]])
        for panel in axes[: len(groups)]:
            panel.set_ylim(limits.min(), limits.max())


def _continuous(family: TaskDistribution, evaluation: Evaluation) -> list[str]:
    """Parameters of many different values."""
    values = {name: {task[name] for task in evaluation.tasks} for name in family.descriptor_names}
    return [name for name, distinct in values.items() if len(distinct) > MAX_CHOICES]


def _plot_curve(
    axes: Axes,
    group: Group,
    evaluation: Evaluation,
    against: Sequence[Evaluation],
    styles: Sequence[Style],
    labels: Sequence[str],
) -> None:
    """The learner's curve, and those of the others on the same tasks; of one that does not adapt its level."""
    for other, style, label in zip(against, styles[1:], labels[1:], strict=True):
        estimates = [mean_interval(row[group.members]) for row in other.returns]
        if len(estimates) > 1:
            plot_band(axes, other.after, estimates, style, label)
        else:
            plot_level(axes, estimates[0], style, label)
    estimates = [mean_interval(row[group.members]) for row in evaluation.returns]
    plot_band(axes, evaluation.after, estimates, styles[0], labels[0])
    scale_episodes(axes, evaluation.after)
    ylabel = interval_label("mean return", estimates)
    axes.set(ylabel=ylabel, title=f"{group_label(group.label)} ({group.members.sum()})")


def _plot_returns(
    axes: Axes,
    name: str,
    choices: list[Group],
    evaluation: Evaluation,
    against: Sequence[Evaluation],
    styles: Sequence[Style],
    labels: Sequence[str],
) -> None:
    """A mark for each task; its shape is that of a choice of another parameter, such as the direction."""
    x = np.array([task[name] for task in evaluation.tasks])
    k = evaluation.gained
    before, after = evaluation.returns[0], evaluation.returns[k]
    learner, color = labels[0], styles[0].color
    for group, marker in zip(choices or [everything(evaluation)], itertools.cycle("o^sv"), strict=False):
        m, suffix = group.members, f", {group_label(group.label)}" if choices else ""
        options: dict[str, Any] = {"s": 12, "marker": marker, "linewidths": 0.8}
        axes.scatter(
            x[m], before[m], facecolors="none", edgecolors="0.5", label=f"{learner}, before{suffix}", **options
        )
        if k:
            axes.scatter(
                x[m], after[m], color=color, label=f"{learner}, after {evaluation.after[k]}{suffix}", **options
            )
    for other, style, label in zip(against, styles[1:], labels[1:], strict=True):
        y, after = other.returns[other.adapted], f", after {other.trained_after}" if len(other.after) > 1 else ""
        marker = "|" if style.variant else "_"
        axes.scatter(x, y, s=22, marker=marker, color=style.color, linewidths=1.2, label=f"{label}{after}")
    axes.set(xlabel=axis_label(name), ylabel="return of a task")
