"""Reading checkpoints, after checking every byte of them."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from agents.learner import Params
from metarl.errors import UserError
from metarl.runs.checkpoint.state import FILES, UNREADABLE, Load, State, unpacked
from metarl.runs.checkpoint_index import (
    MANIFEST,
    MAX_JSON_BYTES,
    best_checkpoint,
    checkpoints,
    iteration_of,
    newest_iteration,
)
from metarl.runs.folder import Run
from metarl.system.files import read_regular_file

log = logging.getLogger(__name__)
MAX_BYTES = 8 * 2**30  # of a file; chosen


def selected_checkpoint(run: Run) -> Load:
    """How to load the checkpoint that a run refers to: the newest readable one, or the best one."""
    return (lambda like: load(_best(run.checkpoints), like)) if run.best else newest(run.checkpoints)


def selected_iteration(run: Run) -> int:
    """The iteration of that checkpoint by its name; 0 if there is none."""
    return iteration_of(_best(run.checkpoints)) if run.best else newest_iteration(run.checkpoints)


def _best(folder: Path) -> Path:
    best = best_checkpoint(folder)
    if best is None:
        raise UserError(f"no checkpoint in {folder} says how well training went: give the run without @best")
    return best


def newest(folder: Path) -> Load:
    """How to load the newest readable checkpoint."""
    return lambda like: load_newest(folder, like)


def load_newest(folder: Path, like: Params | None = None) -> State:
    """The newest readable checkpoint; newer ones that are damaged are skipped with a warning.

    Raises UserError where no checkpoint can be read.
    """
    problems = []
    for path in reversed(checkpoints(folder)):
        try:
            return load(path, like)
        except UserError as error:
            problems.append(str(error))
            log.warning("%s; trying the one before it", error)
    reason = "; ".join(problems) or f"there is no checkpoint in {folder}"
    raise UserError(f"{reason}: train again, or give another run")


def load(path: Path, like: Params | None = None) -> State:
    """Read one checkpoint after checking every byte of it; `like` is a theta with the expected names and shapes.

    Raises UserError, in one sentence, for one that is damaged, belongs to another learner, or holds NaN or infinity.
    """
    try:
        state = unpacked(_read_files(path), like)
        if state.iteration != iteration_of(path):
            raise ValueError(f"it is of iteration {state.iteration}")
        return state
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"checkpoint {path} could not be read ({type(error).__name__}: {reason})") from None


def _read_files(path: Path) -> dict[str, bytes]:
    """Every file of a checkpoint by name, each with the size and the checksum in the manifest."""
    if path.is_symlink():
        raise ValueError("it is a link")
    manifest = json.loads(read_regular_file(path / MANIFEST, MAX_JSON_BYTES))
    if not isinstance(manifest, dict) or set(manifest) != set(FILES):
        raise ValueError(f"the manifest does not name {', '.join(FILES)}")
    files = {}
    for name in FILES:
        size = manifest[name]["size"]
        if type(size) is not int or not 0 <= size <= MAX_BYTES:
            raise ValueError(f"the manifest gives {name} a size of {size} bytes")
        files[name] = read_regular_file(path / name, size)
        if len(files[name]) != size or hashlib.sha256(files[name]).hexdigest() != manifest[name]["sha256"]:
            raise UserError(f"checkpoint {path} is damaged: {name} does not match its checksum")
    return files
