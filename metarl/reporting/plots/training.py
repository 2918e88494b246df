"""Training curves of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from metarl.errors import UserError
from metarl.reporting.plots.figures import finish, saved_figure
from metarl.runs.folder import Run

Records = list[dict[str, float]]


def plot_training(runs: Sequence[Run], path: Path) -> None:
    """Return against environment steps, dashed before adaptation, solid after it; for supervised tasks the loss.

    Raises UserError for runs of both kinds, which have no axis in common, and for a run without a finished iteration.
    """
    if len({run.config.tasks.is_supervised for run in runs}) > 1:
        raise UserError("policies and supervised learners have no axis in common: plot them one kind at a time")
    logs = [run.records() for run in runs]
    if empty := [run.path for run, records in zip(runs, logs, strict=True) if not records]:
        raise UserError(f"{empty[0]} has not finished an iteration: there is nothing to plot")
    with saved_figure(path, 1, 1, (7, 4.2)) as (_, axes):
        for i, (run, records) in enumerate(zip(runs, logs, strict=True)):
            plot = _plot_loss if run.config.tasks.is_supervised else _plot_returns
            plot(axes[0, 0], run.name, records, f"C{i}")
        finish(axes[0, 0])


def millions_of_steps(records: Records) -> list[float]:
    """The environment steps, or examples, before each record."""
    return [r["env_steps"] / 1e6 for r in records]


def column(records: Records, key: str) -> list[float]:
    """One number of each record; NaN where there is none, as the loss of a step that was skipped."""
    return [r.get(key, math.nan) for r in records]


def _plot_returns(axes: Axes, name: str, records: Records, color: str) -> None:
    steps, before = millions_of_steps(records), column(records, "return_before")
    axes.set(xlabel="environment steps, millions", ylabel="mean return on training tasks")
    if any("return_after" in r for r in records):
        axes.plot(steps, column(records, "return_after"), color=color, label=f"{name}, after")
        axes.plot(steps, before, color=color, linestyle="--", alpha=0.7, label=f"{name}, before")
    else:
        axes.plot(steps, before, color=color, label=name)


def _plot_loss(axes: Axes, name: str, records: Records, color: str) -> None:
    loss = column(records, "loss")
    axes.plot(millions_of_steps(records), loss, color=color, label=name, linewidth=0.8)
    axes.set(xlabel="images, millions", ylabel="loss on training tasks", yscale="log")
