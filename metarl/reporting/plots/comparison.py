"""Learners side by side on the same tasks: a figure for each question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from envs.wording import count_of
from metarl.evaluation.comparison import Comparison, profile
from metarl.evaluation.comparison_scores import ComparisonRow
from metarl.reporting.plots.figures import (
    COLUMN,
    Target,
    interval_label,
    plot_band,
    plot_level,
    saved_figure,
    scale_episodes,
    small_multiples,
    tidy,
)
from metarl.reporting.plots.labels import axis_label
from metarl.reporting.plots.palette import Style, shown, styles_of
from metarl.reporting.plots.training import Learner, plot_learners
from metarl.runs.folder import Run

MAX_PARAMETERS = 2  # that get a figure; chosen
SHORT = 8  # letters of a ceiling's name that fit into one line with the rest of the label
MAX_CHOICES = 6  # different values up to which means of each are drawn
Figure = Callable[[Target], None]
"""Draws one figure into a file."""


def figures_of(comparison: Comparison) -> dict[str, Figure]:
    """The figures of a comparison by a short name; the last are of the first parameters that vary."""
    names = [v for v in comparison.family.descriptor_names if _count_values(comparison, v) > 1][:MAX_PARAMETERS]
    by_parameter: dict[str, Figure] = {
        name.replace(":", "_"): lambda target, name=name: plot_parameter(comparison, name, target)  # type: ignore[misc]
        for name in names
    }
    return {
        "curves": lambda target: plot_curves(comparison, target),
        "scores": lambda target: plot_scores(comparison, target),
        "profiles": lambda target: plot_profiles(comparison, target),
        **by_parameter,
    }


def write_figures(comparisons: Sequence[Comparison], path: Path) -> list[Path]:
    """The curves as `path`, the other figures beside it with a word added to its name; all paths."""
    written = []
    for i, comparison in enumerate(comparisons):
        number = f"_{i + 1}" if i else ""
        for name, draw in figures_of(comparison).items():
            word = "" if name == "curves" else f"_{name}"
            written.append(path.with_stem(f"{path.stem}{number}{word}"))
            draw(written[-1])
    return written


def plot_curves(comparison: Comparison, target: Target) -> None:
    """Return by adaptation episodes with 95 % bands: a panel for each learner that adapts, the baselines in all."""
    styles = _styles(comparison)
    main, references = _split(comparison)
    estimates = [estimate for row in comparison.rows for estimate in row.curve.values()]
    with small_multiples(target, max(len(main), 1), _title(comparison), sharey=True) as (_, axes):
        for i, panel in enumerate(axes):
            for j in references:
                _plot_reference(panel, comparison.rows[j], styles[j])
            for j in main[i : i + 1]:
                curve = comparison.rows[j].curve
                plot_band(panel, list(curve), list(curve.values()), styles[j], "")
                panel.set_title(shown(comparison.rows[j].entry.learner))
            scale_episodes(panel, comparison.after)
            panel.set_ylabel(interval_label("return: IQM", estimates))


def plot_scores(comparison: Comparison, target: Target) -> None:
    """What each learner reaches, with its 95 % interval."""
    height = 1.0 + 0.17 * len(comparison.rows)
    with saved_figure(target, 1, 1, (COLUMN, height)) as (figure, axes):
        tidy(axes[0, 0])
        _plot_intervals(axes[0, 0], comparison, _styles(comparison))
        figure.suptitle(f"IQM and 95 % interval, split {comparison.split},\nafter {comparison.at} adaptation episodes")


def plot_profiles(comparison: Comparison, target: Target) -> None:
    """Which fraction of trainings and tasks reaches how much: a panel for each learner that adapts."""
    styles, (main, references) = _styles(comparison), _split(comparison)
    levels = _levels(comparison)
    with small_multiples(target, max(len(main), 1), _title_at(comparison), sharex=True, sharey=True) as (_, axes):
        for i, panel in enumerate(axes):
            for j in [*references, *main[i : i + 1]]:
                row, style = comparison.rows[j], styles[j]
                label = shown(row.entry.learner) if j in references else ""
                options = {"color": style.color, "linestyle": style.line, "label": label}
                panel.plot(levels, profile(comparison, row.entry, levels), **options)
                panel.set_title("" if j in references else shown(row.entry.learner))
            panel.set(xlabel=_unit(comparison), ylabel="fraction of trainings x tasks above", ylim=(-0.02, 1.02))


def plot_parameter(comparison: Comparison, name: str, target: Target) -> None:
    """Return of every task against one of its parameters, the mean over seeds; baselines beside each learner."""
    styles = _styles(comparison)
    main, references = _split(comparison)
    shown_behind = [j for j in references if comparison.rows[j].entry.baseline]
    with small_multiples(target, max(len(main), 1), _title_at(comparison), sharex=True, sharey=True) as (_, axes):
        for i, panel in enumerate(axes):
            for j in shown_behind:
                _plot_tasks(panel, name, comparison, j, styles[j], dash=True)
            for j in main[i : i + 1]:
                _plot_tasks(panel, name, comparison, j, styles[j], dash=False)
                panel.set_title(shown(comparison.rows[j].entry.learner))
            panel.set(xlabel=axis_label(name), ylabel="return of a task")


def plot_trainings(comparison: Comparison, runs: Sequence[Run], target: Target) -> None:
    """Return on training tasks, after adaptation where there is any, against environment steps."""
    learners = []
    for row in comparison.rows:
        names = {e.run for e in row.entry.evaluations if not e.chosen}
        if logs := [run.records() for run in runs if run.name in names and run.last_record()]:
            learners.append(Learner(row.entry.learner, logs))
    plot_learners(learners, target, title=f"{comparison.title}: training")


def _title(comparison: Comparison) -> str:
    return f"{comparison.title}, split {comparison.split}"


def _title_at(comparison: Comparison) -> str:
    return f"{_title(comparison)}, after {count_of(comparison.at, 'episode')} of adaptation"


def _styles(comparison: Comparison) -> list[Style]:
    return styles_of([row.entry.learner for row in comparison.rows])


def _split(comparison: Comparison) -> tuple[list[int], list[int]]:
    """Which rows get a panel, those that adapt; and which are baselines, drawn in all panels."""
    is_main = [len(row.entry.after) > 1 and not row.entry.evaluations[0].chosen for row in comparison.rows]
    return [i for i, x in enumerate(is_main) if x], [i for i, x in enumerate(is_main) if not x]


def _plot_reference(axes: Axes, row: ComparisonRow, style: Style) -> None:
    """A baseline: a level, or a thin curve where it is fine-tuned."""
    label, curve = shown(row.entry.learner), row.curve
    if len(row.entry.after) == 1:
        plot_level(axes, curve[0], style, label)
    else:
        values = [e.value for e in curve.values()]
        axes.plot(list(curve), values, label=label, linewidth=0.8, **style.options())


def _plot_intervals(axes: Axes, comparison: Comparison, styles: Sequence[Style]) -> None:
    for i, (row, style) in enumerate(zip(comparison.rows, styles, strict=True)):
        estimates = row.score or row.curve
        e = estimates[comparison.at if len(row.entry.after) > 1 else 0]
        axes.plot([e.low, e.high], [i, i], color=style.color, linewidth=2.4, alpha=0.5, solid_capstyle="butt")
        axes.plot(e.value, i, **style.options(5))
    axes.set(ylim=(len(comparison.rows) - 0.5, -0.5), xlabel=_unit(comparison))
    axes.set_yticks(range(len(comparison.rows)), [shown(row.entry.learner) for row in comparison.rows])


def _levels(comparison: Comparison) -> NDArray[np.float64]:
    """From half a score below joint training to half a score above the ceiling; all returns where there is no score."""
    if comparison.ends is not None:
        return np.linspace(-0.5, 1.5, 201)
    returns = np.concatenate([row.entry.returns(comparison.at).ravel() for row in comparison.rows])
    return np.linspace(np.nanmin(returns), np.nanmax(returns), 201)


def _unit(comparison: Comparison) -> str:
    if comparison.ends is None:
        return "return"
    between = "\n" if len(comparison.ceiling) > SHORT else " "
    return f"score (0: joint training,{between}1: {comparison.ceiling})"


def _plot_tasks(axes: Axes, name: str, comparison: Comparison, i: int, style: Style, dash: bool) -> None:
    """Mean over seeds: a mark for each task, or the mean of each choice where there are few. dash: of a baseline."""
    row = comparison.rows[i]
    values = np.array([task[name] for task in row.entry.evaluations[0].tasks])
    returns, distinct = row.entry.returns(comparison.at).mean(0), sorted(set(values))
    label = shown(row.entry.learner) if dash else ""
    size, marker = (22, "_") if dash else (8, style.marker)
    if len(distinct) <= MAX_CHOICES:
        means = [returns[values == v].mean() for v in distinct]
        axes.plot(distinct, means, label=label, **style.options())
        axes.set_xticks(distinct)
        return
    axes.scatter(values, returns, s=size, marker=marker, color=style.color, linewidths=1.0, label=label)


def _count_values(comparison: Comparison, name: str) -> int:
    return len({task[name] for task in comparison.rows[0].entry.evaluations[0].tasks})
