"""Speed of simulation."""

from __future__ import annotations

from pathlib import Path

from metarl.reporting.plots.figures import finish, saved_figure

Points = list[tuple[int, float]]  # worlds, control steps/s


def plot_rates(panels: dict[str, dict[str, Points]], title: str, path: Path) -> None:
    """Control steps per second against the number of worlds: a panel for each robot, a line for each label."""
    with saved_figure(path, 1, len(panels), (4.6 * len(panels), 4.0), sharey=True) as (figure, axes):
        for panel, (robot, lines) in zip(axes[0], panels.items(), strict=True):
            for label, points in lines.items():
                panel.plot(*zip(*points, strict=True), "o-", markersize=4, label=label)
            panel.set(xscale="log", yscale="log", xlabel="worlds", title=robot)
            panel.set_xscale("log", base=2)
            finish(panel)
        axes[0, 0].set_ylabel("control steps/s")
        figure.suptitle(title, fontsize=9)
