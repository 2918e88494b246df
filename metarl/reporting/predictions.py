"""Pictures with the classes that they were given: what was shown of each class above, the queries below."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from metarl.reporting.plots.figures import saved_figure
from metarl.reporting.plots.palette import COLORS, shown

CELL = 0.9  # inches of an image with what is written below; chosen
COLUMNS, SHOTS, QUERIES = 8, 5, 64  # images in a row, of a class, and of queries, at most; chosen
LETTERS = 14  # of a name that fits below an image


class Shown(NamedTuple):
    """A picture [H, H, c] uint8 with what is written below it."""

    pixels: NDArray[np.uint8]
    text: str


def draw_predictions(support: dict[str, list[NDArray[np.uint8]]], queries: list[Shown], title: str, path: Path) -> None:
    """A row for each class, with up to five of its pictures, then up to 64 queries with their classes."""
    rows = [[Shown(p, "") for p in pictures[:SHOTS]] for pictures in support.values()]
    asked = queries[:QUERIES]
    rows += [asked[i : i + COLUMNS] for i in range(0, len(asked), COLUMNS)]
    columns = max(map(len, rows))
    with saved_figure(path, len(rows), columns, (CELL * columns + 0.8, CELL * len(rows) + 0.5)) as (figure, axes):
        for panels, row in zip(axes, rows, strict=True):
            for i, panel in enumerate(panels):
                _draw(panel, row[i] if i < len(row) else None)
        for panels, name in zip(axes, support, strict=False):
            panels[0].set_ylabel(shown(_short(name)), rotation=0, ha="right", va="center", color=COLORS["blue"])
        left_out = len(queries) - len(asked)
        figure.suptitle(shown(title) + (f" ({left_out} more are not shown)" if left_out else ""))


def _draw(axes: Axes, picture: Shown | None) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=picture is not None, linewidth=0.6)
    if picture is not None:
        grey = picture.pixels.shape[2] == 1
        axes.imshow(picture.pixels[..., 0] if grey else picture.pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_xlabel(shown(picture.text), fontsize=6, labelpad=1)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def caption(name: str, probability: float) -> str:
    """What stands below a query."""
    return f"{_short(name)} {100 * probability:.0f} %"
