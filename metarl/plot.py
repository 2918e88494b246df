"""Pictures: how training went, how well it adapts, and where it fails."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from envs.core import TaskDistribution
from metarl.errors import UserError
from metarl.evaluate import Evaluation, Group, describe_tasks, everything, parts
from metarl.runs import Run
from metarl.schema import SUPERVISED
from metarl.statistics import mean_interval

DPI = 130
MOST_PANELS = 4


def plot_training(runs: list[Run], path: Path) -> None:
    """Return against environment steps, dashed before adaptation, solid after it; of runs on images the loss.

    Raises UserError for runs of both kinds: they have no axis in common.
    """
    kinds = {run.config.tasks.kind in SUPERVISED for run in runs}
    if len(kinds) > 1:
        raise UserError("runs on robots and runs on images have no axis in common: plot them one kind at a time")
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for i, run in enumerate(runs):
        records, color = run.records(), f"C{i}"
        if not records:
            raise UserError(f"{run.path} has not finished an iteration: there is nothing to plot")
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
    """Left: return by rounds of adaptation with 95 % bands. Right: return of every task against what varies, the first
    four numbers if there are more.
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


def _curves(axes: Axes, family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> None:
    rounds = np.arange(len(evaluation.returns))
    for i, group in enumerate([everything(evaluation), *parts(family, evaluation)]):
        estimates = [mean_interval(row[group.members]) for row in evaluation.returns]
        color, width = ("black", 2.4) if i == 0 else (f"C{i - 1}", 1.5)
        axes.plot(rounds, [e.mean for e in estimates], "o-", color=color, linewidth=width, label=group.label)
        axes.fill_between(
            rounds, [e.low for e in estimates], [e.high for e in estimates], color=color, alpha=0.15, linewidth=0
        )
    for j, other in enumerate(against):
        level = mean_interval(other.returns[-1])
        axes.axhline(level.mean, color="gray", linestyle=(0, (4, 2 + j)), label=f"{other.learner}, all tasks")
        axes.axhspan(level.low, level.high, color="gray", alpha=0.12, linewidth=0)
    axes.set_xticks(rounds)
    axes.set(
        xlabel=f"rounds of adaptation (episodes each: {evaluation.adapts_on})", ylabel="mean return, 95 % interval"
    )
    _finish(axes)


def _returns_by_parameter(
    axes: Axes, name: str, choices: list[Group], evaluation: Evaluation, against: list[Evaluation]
) -> None:
    """One dot a task; a marker for each choice of a parameter, such as the direction."""
    x = np.array([task[name] for task in evaluation.tasks])
    for group, marker in zip(choices or [everything(evaluation)], itertools.cycle("o^sv"), strict=False):
        m, which = group.members, f", {group.label}" if choices else ""
        before, after = evaluation.returns[0, m], evaluation.returns[min(1, len(evaluation.returns) - 1), m]
        axes.scatter(x[m], before, s=18, marker=marker, facecolors="none", edgecolors="C7", label=f"before{which}")
        axes.scatter(x[m], after, s=22, marker=marker, color="C0", label=f"after one round{which}")
    for other in against:
        axes.scatter(x, other.returns[-1], s=26, marker="_", color="C3", label=other.learner)
    axes.set(xlabel=name, ylabel="return of a task")
    _finish(axes)


def _continuous(family: TaskDistribution, evaluation: Evaluation) -> list[str]:
    values = {name: {task[name] for task in evaluation.tasks} for name in family.descriptor_names}
    return [name for name, seen in values.items() if len(seen) > 4]


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
