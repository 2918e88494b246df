"""Which checkpoints a folder holds, by their names and scores. Nothing here imports torch."""

from __future__ import annotations

import json
import math
from pathlib import Path

from metarl.system.files import read_regular_file

MANIFEST = "manifest.json"
STATE = "state.json"
MAX_JSON_BYTES = 2**16  # of a JSON file; chosen
UNREADABLE_JSON = (OSError, ValueError, TypeError, AttributeError, RecursionError, OverflowError)


def checkpoint_name(iteration: int) -> str:
    """The name of the checkpoint's folder."""
    return f"iteration_{iteration:07d}"


def iteration_of(path: Path) -> int:
    """The iteration in a checkpoint's name; 0 for any other name."""
    digits = path.name.removeprefix("iteration_")
    return int(digits) if digits.isdecimal() and len(digits) < 12 else 0


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints of a folder, oldest first, whether they can be read or not."""
    return sorted(folder.glob("iteration_*"), key=lambda path: (iteration_of(path), path.name))


def newest_iteration(folder: Path) -> int:
    """The iteration of the newest checkpoint by its name; 0 if there is none."""
    return max(map(iteration_of, checkpoints(folder)), default=0)


def score_of(path: Path) -> float:
    """How well training went before a checkpoint; -infinity where it does not say so."""
    try:
        score = float(json.loads(read_regular_file(path / STATE, MAX_JSON_BYTES)).get("score", -math.inf))
    except UNREADABLE_JSON:
        return -math.inf
    return score if math.isfinite(score) else -math.inf


def best_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the highest score, the oldest of equal ones; None where no checkpoint has a score."""
    best = max(checkpoints(folder), key=score_of, default=None)
    return best if best is not None and math.isfinite(score_of(best)) else None
