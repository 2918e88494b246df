"""An analysis of meta-gradients as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from agents.optimization.analysis import law
from metarl.analysis.gradients import NAMES, Analysis
from metarl.system.files import atomic_file

SIZES = {"maml": 9, "fomaml": 6, "reptile": 3}  # of markers
COLORS = {"maml": "C0", "fomaml": "C1", "reptile": "C2"}


def plot(analysis: Analysis, path: Path) -> None:
    """Left: fitted coefficients beside those of the expansion. Right: residual by rate, beside a line of slope 2.

    Filled markers are at the learner's inner_lr.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), layout="constrained")
    _plot_coefficients(left, analysis)
    _plot_residuals(right, analysis)
    figure.suptitle(analysis.headline)
    with atomic_file(path) as file:
        figure.savefig(file, dpi=130, format=path.suffix[1:])
    plt.close(figure)


def _plot_coefficients(axes: Axes, analysis: Analysis) -> None:
    """Methods that share a coefficient lie on one line: the markers shrink from one to the next."""
    lines: dict[tuple[float, str], list[str]] = {}
    for m, size in SIZES.items():
        for part, marker, term in (("mean", "o", "A"), ("inner", "s", "alpha B")):
            value = getattr(law(m, analysis.k), part)
            lines.setdefault((value, term), []).append(NAMES[m])
            axes.axhline(value, color=COLORS[m], linestyle="--", linewidth=1, alpha=0.6)
            style: dict[str, Any] = {"marker": marker, "color": COLORS[m], "markersize": size, "linestyle": ""}
            points, own = analysis.points[m], analysis.own[m]
            fitted = [getattr(p.fitted, part) for p in points]
            axes.plot([p.alpha for p in points], fitted, markerfacecolor="none", **style)
            axes.plot(own.alpha, getattr(own.fitted, part), **style)
    low, high = min(value for value, _ in lines), max(value for value, _ in lines)
    margin = 0.25 * (high - low)
    axes.set(xscale="log", xlabel="inner rate alpha", ylabel="coefficient", ylim=(low - margin, high + margin))
    for (value, term), names in lines.items():
        label, transform = f"{term}: {', '.join(names)}", axes.get_yaxis_transform()
        axes.annotate(label, (0.01, value), (0, 7), transform, "offset points", fontsize=8)
    axes.set_title("coefficients of A (circles) and of alpha B (squares); dashed: the law", fontsize=10)


def _plot_residuals(axes: Axes, analysis: Analysis) -> None:
    for m, size in SIZES.items():
        points, own = analysis.points[m], analysis.own[m]
        alphas, residuals = [p.alpha for p in points], [p.residual for p in points]
        axes.plot(alphas, residuals, "o-", color=COLORS[m], markersize=size, markerfacecolor="none", label=NAMES[m])
        axes.plot(own.alpha, own.residual, "o", color=COLORS[m], markersize=size)
    first, last = analysis.points["maml"][0], analysis.points["maml"][-1]
    ends = (first.alpha, last.alpha)
    axes.plot(ends, [3 * first.residual * (a / first.alpha) ** 2 for a in ends], "k:", label="slope 2")
    axes.axvline(analysis.own["maml"].alpha, color="gray", linewidth=1, label="inner_lr (filled)")
    axes.set(xscale="log", yscale="log", xlabel="inner rate alpha", ylabel="|exact - law| / |A|")
    axes.set_title("what the law leaves out", fontsize=10)
    axes.legend(frameon=False)
