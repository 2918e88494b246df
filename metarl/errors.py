"""Mistakes a user can mend: one sentence, exit code 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_SAID = 2000  # characters


class UserError(Exception):
    """Says what was got, what was expected and what to do, in one line, whatever was got."""

    exit_code = 2

    def __init__(self, said: str) -> None:
        line = "".join(c if c.isprintable() else " " for c in said)
        super().__init__(line if len(line) <= MOST_SAID else f"{line[:MOST_SAID]}...")


class DivergedError(UserError):
    """Learning broke down."""

    exit_code = 3


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' when something close is known, else the list of what is known."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
