"""What all plots share: figures that are saved without a display, axes, colours, bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metarl.evaluation.statistics import Estimate
from metarl.system.files import atomic_file

DPI = 130
Target = Path | IO[bytes]


class Panels(NamedTuple):
    """A figure and its axes [rows, columns]."""

    figure: Figure
    axes: Any


@contextmanager
def saved_figure(
    target: Target, rows: int, columns: int, size: tuple[float, float], **options: Any
) -> Iterator[Panels]:
    """A figure of `size` in inches that is written to `target` when the block ends, and always closed."""
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)
    try:
        yield Panels(figure, axes)
        if isinstance(target, Path):
            with atomic_file(target) as file:
                figure.savefig(file, dpi=DPI, format=target.suffix[1:])
        else:
            figure.savefig(target, dpi=DPI)
    finally:
        plt.close(figure)


def tidy(axes: Axes) -> None:
    """A grid, and no frame above and to the right."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def finish(axes: Axes) -> None:
    """The same with a legend."""
    tidy(axes)
    axes.legend(fontsize=8, frameon=False)


def color_of(i: int) -> Any:
    """A colour for each of up to 18 learners."""
    strong, pale = plt.get_cmap("tab10"), plt.get_cmap("Set2")
    return strong(i) if i < 10 else pale((i - 10) % 8)


def plot_band(
    axes: Axes, x: NDArray[np.int64], estimates: Sequence[Estimate], color: Any, label: str, width: float = 1.5
) -> None:
    """A line with its interval as a band."""
    low, high = [e.low for e in estimates], [e.high for e in estimates]
    axes.plot(x, [e.value for e in estimates], "o-", color=color, linewidth=width, label=label)
    axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)


def label_ticks(axes: Axes, numbers: Sequence[int]) -> None:
    """Equally spaced ticks, labelled with `numbers`."""
    axes.set_xticks(np.arange(len(numbers)), list(map(str, numbers)))
