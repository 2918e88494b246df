"""One palette: a learner looks the same in every plot.

The look of a learner belongs to its settings (`agents.settings.LearnerSettings.names`); that of a plugin's learner
without one is derived from its name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from agents.registry import LEARNERS
from agents.settings import Look
from metarl.evaluation import fine_tuning

COLORS = {  # six of Okabe and Ito 2008, two of Tol 2021 ("muted"): told apart by all kinds of colour vision
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "wine": "#882255",
    "indigo": "#332288",
    "gray": "#777777",
    "black": "#000000",
}
CYCLE = tuple(name for name in COLORS if name not in ("gray", "black"))  # gray and black are for baselines
MARKERS = "osD^vPX<>"
LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
FINE_TUNED = {
    fine_tuning.DISPLAY_NAMES["trained"]: Look("gray", "x", ":"),
    fine_tuning.DISPLAY_NAMES["scratch"]: Look("gray", "+", "-."),
}


class Style(NamedTuple):
    """How one curve is drawn; variant: 0, or a number where others of the same learner are in the picture."""

    color: str
    marker: str
    line: Any
    variant: int = 0

    def options(self, size: float = 3.5) -> dict[str, Any]:
        """As options of `Axes.plot`; variants have hollow markers of `size` points."""
        face = "white" if self.variant else self.color
        return {
            "color": self.color,
            "linestyle": self.line,
            "marker": self.marker,
            "markersize": size + 1.5 * (self.marker == "*"),
            "markerfacecolor": face,
        }


def color_of(i: int) -> str:
    """The i-th colour, for curves that are not of a learner."""
    return COLORS[CYCLE[i % len(CYCLE)]]


def styles_of(labels: Sequence[str]) -> list[Style]:
    """The style of each learner of a picture: the look of its name, and a line of its own among those of one look."""
    styles: list[Style] = []
    counts: dict[str, int] = {}
    for label in labels:
        name = _known_part(label)
        look, variant = look_of(name), counts.get(name, 0)
        counts[name] = variant + 1
        line = look.line if not variant else LINES[(LINES.index(look.line) + variant) % len(LINES)]
        styles.append(Style(COLORS.get(look.color, look.color), look.marker, line, variant))
    return styles


def look_of(name: str) -> Look:
    """That of a registered name; else one that depends on nothing but the name."""
    known = known_looks()
    if name in known:
        return known[name]
    number = zlib.crc32(name.encode())
    return Look(CYCLE[number % len(CYCLE)], MARKERS[number // len(CYCLE) % len(MARKERS)])


@cache
def known_looks() -> dict[str, Look]:
    """Usual names of all learners and baselines, with their looks."""
    settings: Iterable[Any] = LEARNERS.items().values()
    looks = {name: look for entry in settings for name, look in entry.names.items()}
    return looks | FINE_TUNED


def _known_part(label: str) -> str:
    """`MAML` of `MAML (wide)` and of `MAML, dice`; the label itself where it is not of a known learner."""
    starts = [name for name in known_looks() if label == name or label.startswith((f"{name}, ", f"{name} ("))]
    return max(starts, key=len, default=label.partition(" (")[0])


def shown(label: str) -> str:
    """A text as plots write it: RL^2 with a raised 2, and a dollar sign as itself."""
    return label.replace("^2", "\N{SUPERSCRIPT TWO}").replace("$", r"\$")
