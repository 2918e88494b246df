"""Captions above the panels of a video. They are laid out for their width: no two texts meet, none leaves the frame."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BACKGROUND, WHITE, YELLOW, GRAY = (24, 28, 34), (255, 255, 255), (255, 214, 102), (170, 180, 190)
MARGIN, GAP = 12, 14  # pixels, at the sides and between texts
TITLE, FACTS, TASK = (21, 10), (18, 10), (17, 11)  # pixels, the largest and smallest sizes of letters
TASK_LINES = 3  # at most
Frame = NDArray[np.uint8]  # [height, width, 3]


class Texts(NamedTuple):
    """What stands over a panel; `clock` and `facts` change with time."""

    title: str
    task: str
    clock: str
    facts: tuple[str, ...]


class Row(NamedTuple):
    """Where a row of text stands and how large its letters are, in pixels."""

    top: int
    size: int


class Captions:
    """Captions of one height for panels of one width."""

    def __init__(self, shown: list[Texts], width: int) -> None:
        """shown: every text that will be shown, of all panels and times."""
        self.width = width
        clock = max((t.clock for t in shown), key=lambda text: _length(text, TITLE[0]))
        self._clock_size = min(_fitting(clock, width // 3, TITLE), TITLE[0])
        self._title_width = width - 2 * MARGIN - GAP - _length(clock, self._clock_size)
        titles = {t.title for t in shown}
        self.title = Row(6, min(_fitting(title, self._title_width, TITLE) for title in titles))
        self.columns = max(len(t.facts) for t in shown)
        facts = {fact for t in shown for fact in t.facts}
        size = min((_fitting(fact, self._column() - GAP, FACTS) for fact in facts), default=FACTS[0])
        self.facts = Row(self.title.top + max(self.title.size, self._clock_size) + 9, size)
        self.task = Row(self.facts.top + size + 9, max(TASK[1], min(TASK[0], width // 26)))
        lines = max(len(_wrapped(task, self._inside(), self.task.size)) for task in {t.task for t in shown})
        height = self.task.top + lines * (self.task.size + 5) + 4
        self.height = height + height % 2  # even, as the codec needs

    def _inside(self) -> int:
        return self.width - 2 * MARGIN

    def _column(self) -> int:
        return self._inside() // max(self.columns, 1)

    def draw(self, texts: Texts) -> Frame:
        """The caption of one panel, [height, width, 3]."""
        bar = Image.new("RGB", (self.width, self.height), BACKGROUND)
        draw = ImageDraw.Draw(bar)
        for place, text, fill, size in self.placed(texts):
            draw.text(place, text, fill=fill, font=_font(size))
        return np.asarray(bar)

    def placed(self, texts: Texts) -> list[tuple[tuple[int, int], str, tuple[int, int, int], int]]:
        """Each text with its upper left corner, its colour and its size."""
        right = self.width - MARGIN - _length(texts.clock, self._clock_size)
        title = _shortened(texts.title, self._title_width, self.title.size)
        placed = [((MARGIN, self.title.top), title, WHITE, self.title.size)]
        placed.append(((right, self.title.top), texts.clock, WHITE, self._clock_size))
        for i, fact in enumerate(texts.facts):
            short = _shortened(fact, self._column() - GAP, self.facts.size)
            placed.append(((MARGIN + i * self._column(), self.facts.top), short, YELLOW, self.facts.size))
        for i, line in enumerate(_wrapped(texts.task, self._inside(), self.task.size)):
            placed.append(((MARGIN, self.task.top + i * (self.task.size + 5)), line, GRAY, self.task.size))
        return placed


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """Lines of at most a width; the last one is shortened where there are too many."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < TASK_LINES - 1:
        count = 1
        while count < len(words) and _length(" ".join(words[: count + 1]), size) <= width:
            count += 1
        lines.append(_shortened(" ".join(words[:count]), width, size))
        words = words[count:]
    return [*lines, _shortened(" ".join(words), width, size)] if words else lines


def _shortened(text: str, width: int, size: int) -> str:
    """The text, or as much of its beginning as fits, and an ellipsis."""
    if _length(text, size) <= width:
        return text
    while text and _length(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _fitting(text: str, width: int, sizes: tuple[int, int]) -> int:
    """The largest size at which a text has at most a width; the smallest one if there is none."""
    largest, smallest = sizes
    return next((s for s in range(largest, smallest, -1) if _length(text, s) <= width), smallest)


def _length(text: str, size: int) -> int:
    return int(np.ceil(_font(size).getlength(text)))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
