"""Mistakes that a user can correct: one sentence, exit code 2, no traceback."""

from __future__ import annotations

from envs.registry import nearest

__all__ = ["DivergedError", "UserError", "is_text", "nearest", "printable", "refused_by_system"]

MAX_LENGTH = 2000  # characters


def printable(text: str) -> str:
    """The text with a question mark for whatever a terminal may take for a command, and for what is no character."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t\xa0" else "?" for c in text)


class UserError(Exception):
    """Says what was got, what was expected and what to do, in one line."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else " " for c in message)
        super().__init__(line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}...")


class DivergedError(UserError):
    """Training diverged."""

    exit_code = 3


def is_text(name: str) -> bool:
    """Whether a name is text in UTF-8, as everything is that stands in files, pictures and terminals."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def refused_by_system(error: OSError) -> str:
    """What the system did not allow: a full disk, a folder that is read-only, a file that is somebody else's."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"a file could not be read or written: {reason}"
    return f"{_text(error.filename)} could not be read or written: {reason}"


def _text(path: object) -> str:
    return path.decode(errors="replace") if isinstance(path, bytes) else str(path)
