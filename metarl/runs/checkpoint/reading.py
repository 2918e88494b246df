"""Reading checkpoints, after checking every byte of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from agents.learner import Params
from metarl.errors import UserError
from metarl.runs import stored
from metarl.runs.checkpoint.checks import MAX_HEADER, has_replay
from metarl.runs.checkpoint.state import FILES, UNREADABLE, Load, State, unpacked
from metarl.runs.checkpoint_index import (
    MANIFEST,
    OWN,
    best_checkpoint,
    by_score,
    checkpoints,
    iteration_of,
    newest_iteration,
)
from metarl.runs.run import Run
from metarl.system.folders import Folder
from metarl.system.strict_json import parse_json

log = logging.getLogger(__name__)
MAX_BYTES = 8 * 2**30  # of a file, where nothing is known of what should be in it; chosen
MAX_MOMENTS = 4  # tensors of an optimiser for each parameter; chosen: Adam has three


def selected_checkpoint(run: Run) -> Load:
    """How to load the checkpoint that a run refers to: the newest readable one, or the best one."""
    return (lambda like: load_best(run.checkpoints, like)) if run.best else newest(run.checkpoints)


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
    try:
        found = checkpoints(folder)
    except OSError as error:
        raise UserError(f"{folder} could not be read: {error.strerror}") from None
    return _first_readable(folder, reversed(found), like)


def load_best(folder: Path, like: Params | None = None) -> State:
    """The readable checkpoint with the highest score; better ones that are damaged are skipped with a warning.

    Raises UserError where no checkpoint has a score, or none of these can be read.
    """
    _best(folder)
    return _first_readable(folder, by_score(folder), like)


def _first_readable(folder: Path, paths: Iterable[Path], like: Params | None) -> State:
    problems = []
    for path in paths:
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
        state = unpacked(_read_files(path, like), like)
        if state.iteration != iteration_of(path):
            raise ValueError(f"it is of iteration {state.iteration}")
        return state
    except UNREADABLE as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:300]
        raise UserError(f"checkpoint {path} could not be read ({type(error).__name__}: {reason})") from None


def _read_files(path: Path, like: Params | None) -> dict[str, bytes]:
    """Every file of a checkpoint by name, each with the size and the checksum in the manifest."""
    if path.is_symlink():
        raise ValueError("it is a link")
    with Folder.opened(path, OWN) as folder:
        manifest = parse_json(folder.read(MANIFEST, stored.MAX_BYTES))
        if not isinstance(manifest, dict) or set(manifest) != set(FILES):
            raise ValueError(f"the manifest does not name {', '.join(FILES)}")
        files = {}
        for name, most in _most_bytes(like).items():
            claimed = stored.checked(stored.FileSum, manifest[name])
            if claimed.size > most:
                raise ValueError(f"the manifest gives {name} a size of {claimed.size} bytes")
            files[name] = folder.read(name, claimed.size)
            if len(files[name]) != claimed.size or hashlib.sha256(files[name]).hexdigest() != claimed.sha256:
                raise UserError(f"checkpoint {path} is damaged: {name} does not match its checksum")
        return files


def _most_bytes(like: Params | None) -> dict[str, int]:
    """How large each file of a checkpoint can be, by the parameters that it should hold."""
    theta = MAX_BYTES if like is None else sum(v.numel() * v.element_size() for v in like.values()) + MAX_HEADER
    outer = MAX_BYTES if like is None or has_replay(like) else MAX_MOMENTS * theta + MAX_HEADER
    return dict(zip(FILES, (theta, outer, stored.MAX_BYTES, stored.MAX_BYTES), strict=True))
