"""Training curves of runs."""

from __future__ import annotations

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
            if "return_before" in records[0]:
                _plot_returns(axes[0, 0], run.name, records, f"C{i}")
            else:
                _plot_loss(axes[0, 0], run.name, records, f"C{i}")
        finish(axes[0, 0])


def millions_of_steps(records: Records) -> list[float]:
    """The environment steps, or examples, before each record."""
    return [r["env_steps"] / 1e6 for r in records]


def _plot_returns(axes: Axes, name: str, records: Records, color: str) -> None:
    steps, before = millions_of_steps(records), [r["return_before"] for r in records]
    axes.set(xlabel="environment steps, millions", ylabel="mean return on training tasks")
    if "return_after" in records[0]:
        axes.plot(steps, [r["return_after"] for r in records], color=color, label=f"{name}, after")
        axes.plot(steps, before, color=color, linestyle="--", alpha=0.7, label=f"{name}, before")
    else:
        axes.plot(steps, before, color=color, label=name)


def _plot_loss(axes: Axes, name: str, records: Records, color: str) -> None:
    loss = [r["loss"] for r in records]
    axes.plot(millions_of_steps(records), loss, color=color, label=name, linewidth=0.8)
    axes.set(xlabel="images, millions", ylabel="loss on training tasks", yscale="log")
