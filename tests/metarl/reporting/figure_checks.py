"""What every figure for a paper must be: checked on the figure itself, after it was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from metarl.reporting.plots.figures import STYLE

LEAST_SIZE = 7  # points
Catch = Callable[[], Figure]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Catch:
    """The figure that was saved last."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: object, **options: object) -> None:
        figures.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return lambda: figures[-1]


def check_readable(figure: Figure) -> None:
    """Letters are large enough and within the figure, labels apart, legends beside data, and no panel is empty."""
    with matplotlib.rc_context(STYLE):
        FigureCanvasAgg(figure).draw()
    for text in _texts(figure):
        box = text.get_window_extent()
        assert text.get_fontsize() >= LEAST_SIZE, text
        outside = (figure.bbox.x0 - box.x0, box.x1 - figure.bbox.x1, figure.bbox.y0 - box.y0, box.y1 - figure.bbox.y1)
        assert max(outside) < 2, f"{text} is cut off"
    panels = [axes for axes in figure.axes if axes.axison]
    for box in _legends(figure):
        assert not any(_overlap(box, axes.get_window_extent()) for axes in panels), "a legend lies over data"
    labels = [t for t in _texts(figure) if t.get_text()]
    for one, other in combinations(labels, 2):
        assert not _overlap(one.get_window_extent(), other.get_window_extent()), f"{one} lies over {other}"
    for axes in figure.axes:
        assert axes.has_data() or axes.get_legend() is not None or not axes.axison, "an empty panel"


def _texts(figure: Figure) -> Iterator[Text]:
    """Titles, labels of axes and entries of legends."""
    for axes in figure.axes:
        if axes.axison:
            yield from (t for t in (axes.title, axes.xaxis.label, axes.yaxis.label) if t.get_text())
    yield from (t for t in (figure._suptitle, figure._supxlabel, figure._supylabel) if t is not None and t.get_text())
    for legend in (*figure.legends, *(a.get_legend() for a in figure.axes)):
        if legend is not None:
            yield from legend.get_texts()


def _legends(figure: Figure) -> list[Bbox]:
    owners = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [legend.get_window_extent() for legend in owners if legend is not None]


def _overlap(one: Bbox, other: Bbox) -> bool:
    common = Bbox.intersection(one, other)
    return common is not None and common.width > 1 and common.height > 1


def lines_of(axes: Axes) -> list[tuple[str, str, int]]:
    """Colour, marker and number of points of each line."""
    return [(str(line.get_color()), str(line.get_marker()), len(line.get_xdata())) for line in axes.lines]  # type: ignore[arg-type]  # always arrays here
