"""Which checkpoints a folder holds, by their names and scores. Nothing here imports torch."""

from __future__ import annotations

import errno
import math
import os
import re
from pathlib import Path

from metarl.runs import stored
from metarl.system.files import read_regular_file

MANIFEST = "manifest.json"
STATE = "state.json"
OWN = 3  # names that may not be links: of the run, of its checkpoints, of one of these
_NAME = re.compile(r"iteration_([0-9]{7,11})")


def checkpoint_name(iteration: int) -> str:
    """The name of the checkpoint's folder."""
    return f"iteration_{iteration:07d}"


def iteration_of(path: Path) -> int:
    """The iteration in a checkpoint's name; 0 for any other name."""
    named = _NAME.fullmatch(path.name)
    iteration = int(named[1]) if named else 0
    return iteration if path.name == checkpoint_name(iteration) else 0


def checkpoints(folder: Path) -> list[Path]:
    """All that is called like a checkpoint, oldest first, whether it can be read or not.

    Raises OSError where the folder is a link or cannot be read.
    """
    if os.path.islink(folder):
        raise NotADirectoryError(errno.ENOTDIR, "it is a link, expected a folder", str(folder))
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    named = [path for name in names if iteration_of(path := folder / name) or name == checkpoint_name(0)]
    return sorted(named, key=iteration_of)


def is_own_folder(path: Path) -> bool:
    """Whether it is a folder, and no link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def own_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints that are folders, oldest first; none where they cannot be looked at."""
    try:
        return list(filter(is_own_folder, checkpoints(folder)))
    except OSError:
        return []


def newest_iteration(folder: Path) -> int:
    """The iteration of the newest checkpoint by its name; 0 if there is none."""
    return max(map(iteration_of, own_checkpoints(folder)), default=0)


def score_of(path: Path) -> float:
    """How well training went before a checkpoint; -infinity where it does not say so."""
    try:
        numbers = stored.parse(stored.Numbers, read_regular_file(path / STATE, stored.MAX_BYTES, own=OWN))
    except stored.UNREADABLE:
        return -math.inf
    return -math.inf if numbers.score is None else numbers.score


def by_score(folder: Path) -> list[Path]:
    """The checkpoints that have a score, the highest first, the oldest of equal ones first."""
    scores = {path: score_of(path) for path in own_checkpoints(folder)}
    return sorted((path for path, score in scores.items() if score > -math.inf), key=lambda path: -scores[path])


def best_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the highest score; None where no checkpoint has a score."""
    return next(iter(by_score(folder)), None)
