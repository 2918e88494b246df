"""Errors of estimators as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from metarl.analysis.estimators import COUNTS, HORIZONS, RATE, EstimatorErrors
from metarl.system.files import atomic_file

COLORS = {"loglik": "C3", "lvc": "C0", "dice": "C1", "emaml": "C2", "first_order": "C7"}


def plot(errors: EstimatorErrors, path: Path) -> None:
    """Above: bias. Below: standard deviation. Left: the second derivative. Right: the meta-gradient."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained", sharex="col")
    columns = (
        (axes[:, 0], HORIZONS, errors.second, "second derivative, one episode", "steps of an episode"),
        (axes[:, 1], COUNTS, errors.meta, f"meta-gradient, rate {RATE:g}", "episodes of the inner step"),
    )
    for (above, below), at, curves, title, xlabel in columns:
        for name, row in curves.items():
            _line(above, at, [m.bias for m in row], name)
            _line(below, at, [m.deviation for m in row], name)
        above.set(title=title, ylabel="bias / size", ylim=(-0.02, None))
        below.set(xlabel=xlabel, ylabel="standard deviation / size", yscale="log", xticks=at)
        above.legend(frameon=False)
    for name, row in errors.bare.items():
        _line(axes[1, 0], HORIZONS, [m.deviation for m in row], name, ":")
    axes[1, 0].set_title("dotted: without a baseline", fontsize=9)
    with atomic_file(path) as file:
        figure.savefig(file, dpi=130, format=path.suffix[1:])
    plt.close(figure)


def _line(axes: Axes, at: tuple[int, ...], values: list[float], name: str, style: str = "-") -> None:
    axes.plot(at, values, f"o{style}", color=COLORS[name], label=name if style == "-" else None, markersize=4)
