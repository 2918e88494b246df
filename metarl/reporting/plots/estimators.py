"""Errors of estimators as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes

from metarl.analysis.estimators import COUNTS, HORIZONS, RATE, EstimatorErrors
from metarl.reporting.plots.figures import PAGE, Target, add_legend, saved_figure, show_plain_numbers, tidy
from metarl.reporting.plots.palette import COLORS, Style

STYLES = {
    "loglik": Style(COLORS["vermilion"], "v", "-"),
    "lvc": Style(COLORS["blue"], "o", "-"),
    "dice": Style(COLORS["orange"], "s", "-"),
    "emaml": Style(COLORS["green"], "^", "-"),
    "first_order": Style(COLORS["gray"], "D", "-"),
}
NAMES = {"lvc": "LVC", "dice": "DiCE", "emaml": "E-MAML", "first_order": "first-order"}
BARE = "dotted: without a baseline"


def plot_estimators(errors: EstimatorErrors, target: Target) -> None:
    """Above: bias. Below: standard deviation. Left: the second derivative. Right: the meta-gradient."""
    with saved_figure(target, 2, 2, (PAGE, 4.4), sharex="col") as (figure, axes):
        columns = (
            (axes[:, 0], HORIZONS, errors.second, "second derivative, one episode", "steps of an episode"),
            (axes[:, 1], COUNTS, errors.meta, f"meta-gradient, rate {RATE:g}", "episodes of the inner step"),
        )
        for (above, below), at, curves, title, xlabel in columns:
            for name, row in curves.items():
                _line(above, at, [m.bias for m in row], name)
                _line(below, at, [m.deviation for m in row], name)
            above.set(title=title, ylabel="bias / size")
            below.set(xlabel=xlabel, ylabel="standard deviation / size", yscale="log", xticks=at)
            show_plain_numbers(below)
        for name, row in errors.bare.items():
            _line(axes[1, 0], HORIZONS, [m.deviation for m in row], name, ":")
        axes[1, 0].plot([], [], ":", color="black", label=BARE)
        for panel in axes.ravel():
            tidy(panel)
        add_legend(figure, axes.ravel())


def _line(axes: Axes, at: tuple[int, ...], values: list[float], name: str, line: str = "-") -> None:
    label = NAMES.get(name, name) if line == "-" else None
    axes.plot(at, values, label=label, **STYLES[name]._replace(line=line).options())
