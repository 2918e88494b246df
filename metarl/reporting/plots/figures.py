"""What all plots share: figures that are saved without a display, always to the same bytes; axes, bands, legends."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from numpy.typing import NDArray

from metarl.evaluation.statistics import Estimate
from metarl.reporting.plots.palette import Style, shown
from metarl.system.files import atomic_file

DPI = 200
COLUMN, PAGE = 3.5, 7.16  # inches: width of a column and of a page of two columns (IEEE)
LEGEND_ROW, LETTER = 0.15, 0.07  # inches: height of a row of a legend, width of a letter of a title
FEW_POINTS = 30  # chosen: curves of fewer points show each of them
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "pdf.fonttype": 42,  # fonts embedded, text as text
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "metarl",
}
UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
Target = Path | IO[bytes]


class Panels(NamedTuple):
    """A figure and its axes [rows, columns]."""

    figure: Figure
    axes: Any


class PlainLogFormatter(LogFormatter):
    """Labels where matplotlib has them, as plain numbers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


@contextmanager
def saved_figure(
    target: Target, rows: int, columns: int, size: tuple[float, float], **options: Any
) -> Iterator[Panels]:
    """A figure of `size` in inches that is written to `target` when the block ends, and always closed.

    The suffix of `target` says in which format, PNG without one. The same data always give the same bytes.
    """
    suffix = target.suffix[1:].lower() if isinstance(target, Path) else "png"
    with matplotlib.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)
        try:
            yield Panels(figure, axes)
            options = {"dpi": DPI, "format": suffix, "metadata": UNDATED.get(suffix)}
            if isinstance(target, Path):
                with atomic_file(target) as file:
                    figure.savefig(file, **options)
            else:
                figure.savefig(target, **options)
        finally:
            plt.close(figure)


@contextmanager
def small_multiples(target: Target, count: int, title: str, height: float = 1.75, **options: Any) -> Iterator[Panels]:
    """`count` panels of one size, at most four in a row, as a figure with `title`; axes [count].

    The legend stands in a cell without a panel, else below the title.
    """
    columns = columns_of(count)
    rows = -(-count // columns)
    size = (COLUMN if columns == 1 else PAGE, height * rows + 0.55)
    with saved_figure(target, rows, columns, size, **options) as (figure, axes):
        cells = axes.ravel()
        for i, cell in enumerate(cells):
            if i < count:
                tidy(cell)
            else:
                cell.set_axis_off()
        yield Panels(figure, cells[:count])
        _say_once(figure, cells[:count], columns)
        for panel in cells[:count]:
            panel.set_title(textwrap.fill(panel.get_title(), int(size[0] / columns / LETTER)))
        entries = legend_entries(cells[:count])
        if entries and count == len(cells):
            add_legend(figure, cells, shown(title))
            return
        figure.suptitle(shown(title))
        if entries:
            cells[count].legend(entries.values(), entries, loc="center left", frameon=False)


def _say_once(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    """Labels that all panels share stand once, others once a row or column; so do the numbers of shared axes."""
    for get, say in (("xlabel", figure.supxlabel), ("ylabel", figure.supylabel)):
        labels = {panel.properties()[get] for panel in panels}
        if len(panels) > 1 and len(labels) == 1:
            say(labels.pop(), fontsize=STYLE["axes.labelsize"])
            for panel in panels:
                panel.set(**{get: ""})
    for panel, after in zip(reversed(panels), [*reversed(panels)][columns:], strict=False):
        if panel.get_xlabel() == after.get_xlabel():
            after.set_xlabel("")
    for i, panel in reversed([*enumerate(panels)]):
        if i % columns and panel.get_ylabel() == panels[i - 1].get_ylabel():
            panel.set_ylabel("")
    for i, panel in enumerate(panels):
        if len(panel.get_shared_x_axes().get_siblings(panel)) > 1:
            panel.tick_params(labelbottom=i + columns >= len(panels))
        if len(panel.get_shared_y_axes().get_siblings(panel)) > 1:
            panel.tick_params(labelleft=i % columns == 0)


def columns_of(count: int) -> int:
    """Panels in a row: as many rows as needed, and the fewest cells left over."""
    return count if count <= 3 else min((4, 3), key=lambda columns: -count % columns)


def legend_entries(panels: Sequence[Axes]) -> dict[str, Any]:
    """The labels of all panels, each once, with what they are labels of."""
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return entries


def add_legend(figure: Figure, panels: Sequence[Axes], title: str = "") -> None:
    """One legend for all panels above them, never over data, under a title."""
    entries = legend_entries(panels)
    columns = _legend_columns(list(entries), figure.get_figwidth())
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * -(-len(entries) // columns))
    options: dict[str, Any] = {"loc": "outside upper center", "ncols": columns, "frameon": False}
    figure.legend(entries.values(), entries, title=title or None, title_fontsize=STYLE["figure.titlesize"], **options)


def _legend_columns(labels: list[str], width: float) -> int:
    """The most columns that fit into `width` inches; labels fill one column after the other."""
    for columns in range(len(labels), 1, -1):
        rows = -(-len(labels) // columns)
        widest = [max(map(len, labels[i : i + rows])) for i in range(0, len(labels), rows)]
        if sum(0.06 * length + 0.5 for length in widest) <= width:
            return len(widest)
    return 1


def tidy(axes: Axes) -> None:
    """A grid, and no frame above and to the right."""
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plot_band(
    axes: Axes, x: Sequence[float] | NDArray[Any], estimates: Sequence[Estimate], style: Style, label: str
) -> None:
    """A line with its interval as a band."""
    low, high = [e.low for e in estimates], [e.high for e in estimates]
    axes.plot(x, [e.value for e in estimates], label=label, **style.options())
    axes.fill_between(x, low, high, color=style.color, alpha=0.2, linewidth=0)


def interval_label(what: str, estimates: Iterable[Estimate]) -> str:
    """The label of an axis on which these are drawn: with what their bands are, where any has one."""
    return f"{what}, 95 % CI" if any(not np.isnan(e.low) for e in estimates) else what


def plot_level(axes: Axes, level: Estimate, style: Style, label: str, band: bool = True) -> None:
    """A horizontal line, with its interval as a band."""
    axes.axhline(level.value, color=style.color, linestyle=style.line, label=label)
    if band:
        axes.axhspan(level.low, level.high, color=style.color, alpha=0.12, linewidth=0)


def marks(style: Style, count: int) -> dict[str, Any]:
    """Options of `Axes.plot` for a curve of `count` points: each is marked where they are few."""
    options = style.options(size=2.5)
    return options if count <= FEW_POINTS else options | {"marker": "", "linewidth": 1.0}


def show_plain_numbers(axes: Axes) -> None:
    """2 and 50 beside a logarithmic y axis, in place of powers of ten."""
    axes.yaxis.set_major_formatter(PlainLogFormatter())
    axes.yaxis.set_minor_formatter(PlainLogFormatter(minor_thresholds=(1.5, 0.5)))
    axes.tick_params(axis="y", which="minor", labelsize=STYLE["ytick.labelsize"])


def scale_episodes(axes: Axes, after: Sequence[int]) -> None:
    """An axis of adaptation episodes, which are unequally spaced: logarithmic in 1 + n, and labelled so."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    axes.set_xticks(_apart(after), minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xticklabels([str(k) for k in _apart(after)])
    last = np.log1p(max(after)) or 1.0
    axes.set_xlim(np.expm1(-0.05 * last), np.expm1(1.05 * last))
    axes.set_xlabel("adaptation episodes, log(1 + n)")


def _apart(after: Sequence[int]) -> list[int]:
    """Those whose labels have room beside each other."""
    kept, room = list(after[:1]), 0.055 * float(np.log1p(max(after)))
    for k in after[1:]:
        if np.log1p(k) - np.log1p(kept[-1]) >= room:
            kept.append(k)
    return kept
