"""Numbers in sentences. The sign of a zero is left out by the format itself: `{value:z.1f}`."""

from __future__ import annotations


def count_of(count: int, noun: str, plural: str = "") -> str:
    """`1 task`, `4 tasks`; plural: where it is not the noun with an s."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def alternatives(words: tuple[str, ...]) -> str:
    """`a, b or c`."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def millions(count: float) -> str:
    """A count in millions, to three digits: `0.0008`, `1.23`, `1,230`."""
    return f"{count / 1e6:.3g}" if count < 1e8 else f"{count / 1e6:,.0f}"
