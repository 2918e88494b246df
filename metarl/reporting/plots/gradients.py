"""An analysis of meta-gradients as a picture."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from agents.optimization.analysis import law
from metarl.analysis.gradients import NAMES, Analysis
from metarl.reporting.plots.figures import PAGE, Target, add_legend, saved_figure, tidy
from metarl.reporting.plots.palette import COLORS, look_of, shown

SIZES = {"maml": 7, "fomaml": 4.5, "reptile": 2.5}  # of markers


def plot_gradients(analysis: Analysis, target: Target) -> None:
    """Left: fitted coefficients beside those of the expansion. Right: residual by rate, beside a line of slope 2.

    Filled markers are at the learner's inner_lr.
    """
    with saved_figure(target, 1, 2, (PAGE, 3.2)) as (figure, axes):
        left, right = axes[0]
        _plot_coefficients(left, analysis)
        _plot_residuals(right, analysis)
        for panel in (left, right):
            tidy(panel)
        add_legend(figure, (right,), shown(analysis.headline))


def _color(m: str) -> str:
    return COLORS[look_of(NAMES[m]).color]


def _plot_coefficients(axes: Axes, analysis: Analysis) -> None:
    """Methods that share a coefficient lie on one line: the markers shrink from one to the next."""
    lines: dict[tuple[float, str], list[str]] = {}
    for m, size in SIZES.items():
        for part, marker, term in (("mean", "o", "A"), ("inner", "s", "alpha B")):
            value = getattr(law(m, analysis.k), part)
            lines.setdefault((value, term), []).append(NAMES[m])
            axes.axhline(value, color=_color(m), linestyle="--", linewidth=0.8, alpha=0.6)
            style: dict[str, Any] = {"marker": marker, "color": _color(m), "markersize": size, "linestyle": ""}
            points, own = analysis.points[m], analysis.own[m]
            fitted = [getattr(p.fitted, part) for p in points]
            axes.plot([p.alpha for p in points], fitted, markerfacecolor="none", **style)
            axes.plot(own.alpha, getattr(own.fitted, part), **style)
    low, high = min(value for value, _ in lines), max(value for value, _ in lines)
    margin = 0.25 * (high - low)
    axes.set(xscale="log", xlabel="inner rate alpha", ylabel="coefficient", ylim=(low - margin, high + margin))
    for (value, term), names in lines.items():
        label, transform = f"{term}: {', '.join(names)}", axes.get_yaxis_transform()
        axes.annotate(label, (0.01, value), (0, 5), transform, "offset points", fontsize=7)
    axes.set_title("coefficients of A (circles) and of alpha B (squares);\ndashed: the law")


def _plot_residuals(axes: Axes, analysis: Analysis) -> None:
    for m, size in SIZES.items():
        points, own = analysis.points[m], analysis.own[m]
        alphas, residuals = [p.alpha for p in points], [p.residual for p in points]
        options: dict[str, Any] = {"color": _color(m), "markersize": size}
        axes.plot(alphas, residuals, "o-", markerfacecolor="none", label=NAMES[m], **options)
        axes.plot(own.alpha, own.residual, "o", **options)
    first, last = analysis.points["maml"][0], analysis.points["maml"][-1]
    ends = (first.alpha, last.alpha)
    axes.plot(ends, [3 * first.residual * (a / first.alpha) ** 2 for a in ends], "k:", label="slope 2")
    axes.axvline(analysis.own["maml"].alpha, color="gray", linewidth=0.8, label="inner_lr (filled)")
    axes.set(xscale="log", yscale="log", xlabel="inner rate alpha", ylabel="|exact - law| / |A|")
    axes.set_title("what the law leaves out")
