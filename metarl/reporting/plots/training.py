"""Training curves of runs: those of one config, which differ in their seed, look alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from envs.task_settings import Answers
from metarl.config.experiment import without_seed
from metarl.errors import UserError
from metarl.evaluation.adaptation import display_name
from metarl.evaluation.published import PublishedResult
from metarl.reporting.plots.figures import (
    FEW_POINTS,
    PlainLogFormatter,
    Target,
    marks,
    show_plain_numbers,
    small_multiples,
)
from metarl.reporting.plots.palette import Style, shown, styles_of
from metarl.runs.folder import Run

MAX_TOGETHER = 3  # chosen: more learners than these get a panel each
FEW_STEPS = 1e5  # below which they are counted in thousands; chosen
WINDOW = 5  # iterations of a moving mean; chosen
Records = list[dict[str, float]]


class Learner(NamedTuple):
    """The trainings of one learner."""

    label: str
    logs: list[Records]


def plot_training(runs: Sequence[Run], path: Path, published: Sequence[PublishedResult] = ()) -> None:
    """Return against environment steps, dashed before adaptation, solid after it; for supervised tasks the loss.

    published: results of others on the runs' distribution, drawn as stars at their steps, which are then logarithmic.
    Raises UserError for runs of both kinds, which have no axis in common, and for a run without a finished iteration.
    """
    if len({run.config.tasks.is_supervised for run in runs}) > 1:
        raise UserError("policies and supervised learners have no axis in common: plot them one kind at a time")
    plot_learners(_learners(runs), path, runs[0].config.tasks.answers, published=published)


def plot_learners(
    learners: Sequence[Learner],
    target: Target,
    answers: Answers = "actions",
    title: str = "",
    published: Sequence[PublishedResult] = (),
) -> None:
    """The same of learners: together while they are few, else a panel each, with the others pale behind."""
    styles = styles_of([learner.label for learner in learners])
    acts = answers == "actions"
    together = len(learners) <= MAX_TOGETHER and not any(style.variant for style in styles)
    scale = 1e3 if max(log[-1]["env_steps"] for learner in learners for log in learner.logs) < FEW_STEPS else 1e6
    count, height = (1, 2.0) if together else (len(learners), 1.6)
    share = {} if together else {"sharex": True, "sharey": True}
    with small_multiples(target, count, title, height, **share) as (_, axes):
        for i, panel in enumerate(axes):
            for learner, style in zip(learners, styles, strict=True):
                if together or learner is learners[i]:
                    _plot_learner(panel, learner, style, scale, named=together)
                elif acts:
                    _plot_behind(panel, learner, scale)
            panel.set(**_labels(answers, "thousands" if scale < 1e6 else "millions"))
            if published:
                _plot_published(panel, published, scale)
            if not acts:
                show_plain_numbers(panel)
            if not together:
                panel.set_title(shown(learners[i].label))
        if acts and any(main_key(log) == "return_after" for learner in learners for log in learner.logs):
            axes[0].plot([], [], color="black", label="after adaptation")
            axes[0].plot([], [], color="black", linestyle="--", label="before adaptation")


def _learners(runs: Sequence[Run]) -> list[Learner]:
    """Runs by config; of several with one name, each has that of its config too, or that of the run."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.title, without_seed(run.config)), []).append(run)
    names = [display_name(group[0].config) for group in groups.values()]
    titles = [title for title, _ in groups]
    found = []
    for (title, _), name, group in zip(groups, names, groups.values(), strict=True):
        logs = [run.records() for run in group]
        if empty := [run.path for run, log in zip(group, logs, strict=True) if not log]:
            raise UserError(f"{empty[0]} has not finished an iteration: there is nothing to plot")
        if names.count(name) > 1:
            name += f" ({title if titles.count(title) == 1 else group[0].name})"
        found.append(Learner(name, logs))
    return found


def _labels(answers: Answers, unit: str) -> dict[str, str]:
    if answers == "actions":
        return {"xlabel": f"environment steps ({unit})", "ylabel": "return, training tasks"}
    what = "images" if answers == "classes" else "examples"
    return {"xlabel": f"{what} ({unit})", "ylabel": "loss, training tasks", "yscale": "log"}


def _plot_learner(axes: Axes, learner: Learner, style: Style, scale: float, named: bool) -> None:
    """A line a training; pale dashes before adaptation, where there is any."""
    several = f", {len(learner.logs)} trainings" if len(learner.logs) > 1 else ""
    for i, log in enumerate(learner.logs):
        label = shown(learner.label) + several if named and not i else None
        if main_key(log) == "return_after":
            x, before = curve(log, "return_before", scale)
            axes.plot(x, before, **marks(style._replace(line="--"), len(x)), alpha=0.55)
        x, y = curve(log, main_key(log), scale)
        axes.plot(x, y, **marks(style._replace(line="-"), len(x)), label=label)


def _plot_behind(axes: Axes, learner: Learner, scale: float) -> None:
    for log in learner.logs:
        axes.plot(*curve(log, main_key(log), scale), color="0.85", linewidth=0.7, zorder=1)


def _plot_published(axes: Axes, published: Sequence[PublishedResult], scale: float) -> None:
    """A star for each learner's result after its most episodes, with their number."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PlainLogFormatter())
    for result in {result.learner: result for result in published}.values():
        x = result.steps / scale
        axes.plot(x, result.value, marker="*", markersize=6, color="0.35", linestyle="none", zorder=3)
        text = f"{result.learner}, after {result.after}"
        axes.annotate(
            text, (x, result.value), (-4, 4), textcoords="offset points", ha="right", fontsize=6, color="0.35"
        )
    axes.margins(y=0.12)  # chosen: room for the texts
    axes.plot([], [], marker="*", color="0.35", linestyle="none", label="published")


def main_key(log: Records) -> str:
    """What a training is judged by: the return after adaptation, else that before; the loss of a supervised one."""
    return next(key for key in ("return_after", "return_before", "loss") if any(key in r for r in log))


def curve(log: Records, key: str, scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps in units of `scale`, and a moving mean of a long log, every number of a short one.

    NaN where a record has no number, as of a step that was skipped.
    """
    steps, values = np.array([r["env_steps"] / scale for r in log]), np.array([r.get(key, math.nan) for r in log])
    if len(log) <= FEW_POINTS:
        return steps, values
    return steps[WINDOW - 1 :], np.convolve(values, np.full(WINDOW, 1 / WINDOW), "valid")
