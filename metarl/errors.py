"""Mistakes that a user can correct: one sentence, exit code 2, no traceback."""

from __future__ import annotations

from envs.registry import nearest

__all__ = ["DivergedError", "UserError", "nearest"]

MAX_LENGTH = 2000  # characters


class UserError(Exception):
    """Says what was got, what was expected and what to do, in one line."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else " " for c in message)
        super().__init__(line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}...")


class DivergedError(UserError):
    """Training diverged."""

    exit_code = 3
