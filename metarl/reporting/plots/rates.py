"""Speed of simulation."""

from __future__ import annotations

from pathlib import Path

from metarl.reporting.plots.figures import small_multiples
from metarl.reporting.plots.palette import LINES, MARKERS, Style, color_of

Points = list[tuple[int, float]]  # worlds, control steps/s


def plot_rates(panels: dict[str, dict[str, Points]], title: str, path: Path) -> None:
    """Control steps per second against the number of worlds: a panel for each robot, a line for each label."""
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    styles = {label: Style(color_of(i), MARKERS[i % len(MARKERS)], LINES[0]) for i, label in enumerate(labels)}
    with small_multiples(path, len(panels), title, height=2.1, sharey=True) as (_, axes):
        for panel, (robot, lines) in zip(axes, panels.items(), strict=True):
            for label, points in lines.items():
                panel.plot(*zip(*points, strict=True), label=label, **styles[label].options())
            panel.set(yscale="log", title=robot, xlabel="worlds", ylabel="control steps per second")
            panel.set_xscale("log", base=2)
