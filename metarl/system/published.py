"""How far this process is, for the process that started it: one number in a file that the environment names."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

VARIABLE = "METARL_PROGRESS"


def publish(fraction: float) -> None:
    """Let the process that started this one know what fraction of the work is done; nothing where none asked."""
    if path := os.environ.get(VARIABLE):
        with suppress(OSError):
            Path(path).write_text(f"{fraction:.4f}")


def published(path: Path) -> float:
    """The fraction in such a file, in [0, 1]; 0 where there is none yet."""
    try:
        return min(max(float(path.read_text()), 0.0), 1.0)
    except (OSError, ValueError):
        return 0.0
