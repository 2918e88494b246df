"""An analysis of meta-gradients as tables."""

from __future__ import annotations

from agents.optimization.analysis import METHODS, law
from metarl.analysis.gradients import NAMES, Analysis, Point
from metarl.evaluation.text_table import TextTable


def tables(analysis: Analysis) -> list[TextTable]:
    """The fitted coefficients beside those of the expansion, then the growth of the residual with the rate."""
    return [_coefficients(analysis), _residuals(analysis)]


def _coefficients(analysis: Analysis) -> TextTable:
    rows = []
    for m in METHODS:
        expansion = law(m, analysis.k)
        rows.append([NAMES[m], "law", f"{expansion.mean:g}", f"{expansion.inner:g}", "", "", ""])
        rows += [_row(analysis.points[m][0], ""), _row(analysis.own[m], " (inner_lr)")]
    note = (
        f"columns A and alpha B: coefficients, by least squares; A: mean gradient, |A| = {analysis.norm_mean:.3g}; "
        f"B: mean of H_i g_j, |B| = {analysis.norm_inner:.3g}; cosine of A and B {analysis.cosine:z.3f}"
    )
    headers = ["method", "alpha", "A", "alpha B", "cosine with A", "cosine with B", "residual"]
    return TextTable(analysis.headline, headers, rows, [note], align="lr", section_size=3)


def _row(point: Point, name: str) -> list[str]:
    return [
        "",
        f"{point.alpha:.2g}{name}",
        f"{point.fitted.mean:z.4f}",
        f"{point.fitted.inner:z.4f}",
        f"{point.cos_mean:z.3f}",
        f"{point.cos_inner:z.3f}",
        f"{point.residual:.1e}",
    ]


def _residuals(analysis: Analysis) -> TextTable:
    headers = ["alpha", *(header for m in METHODS for header in (NAMES[m], "slope"))]
    slopes = {m: ["", *(f"{s:z.2f}" for s in analysis.slopes(m))] for m in METHODS}
    rows = []
    for i, first in enumerate(analysis.points["maml"]):
        cells = [cell for m in METHODS for cell in (f"{analysis.points[m][i].residual:.1e}", slopes[m][i])]
        rows.append([f"{first.alpha:.2g}", *cells])
    note = "slope 2: what the law leaves out is O(alpha^2), until a ReLU or a maximum changes sides"
    title = "residual |exact - law| / |A|, log-log slope beside it"
    return TextTable(title, headers, rows, [note], align="r")
