"""Writing checkpoints, and removing those that are no longer needed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path

from metarl.runs.checkpoint.state import State, packed
from metarl.runs.checkpoint_index import (
    MANIFEST,
    OWN,
    best_checkpoint,
    checkpoint_name,
    iteration_of,
    own_checkpoints,
)
from metarl.system.folders import Folder, fresh_name

KEEP = 2  # chosen: the newest, and one to fall back on
LEFTOVER = re.compile(r"\.iteration_[0-9]{7,11}\.[0-9a-f]+(\.old)?\.tmp")  # also of earlier versions
OWN_FOLDER = OWN - 1  # names that may not be links: of the run, and of its checkpoints


def save(folder: Path, state: State) -> Path:
    """Write a checkpoint atomically and remove old ones; its path.

    Raises OSError where it cannot be written; earlier checkpoints are then as they were.
    """
    target = checkpoint_name(state.iteration)
    temporary = fresh_name(target)
    files = packed(state)
    sums = {name: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for name, c in files.items()}
    with Folder.opened(folder, OWN_FOLDER, make=True) as opened:
        try:
            _write_synced(opened, temporary, {**files, MANIFEST: json.dumps(sums, indent=1).encode()})
            _rename_over(opened, temporary, target)
            opened.sync()
        except BaseException:
            opened.remove(temporary)
            raise
    with suppress(OSError):
        sweep(folder, state.iteration)
    return folder / target


def _write_synced(folder: Folder, name: str, files: dict[str, bytes]) -> None:
    folder.make(name)
    with folder.inner(name) as inner:
        for file_name, content in files.items():
            with inner.create(file_name) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        inner.sync()


def _rename_over(folder: Folder, temporary: str, target: str) -> None:
    """A folder cannot replace another at once: between the two names, the checkpoint before it counts."""
    replaced = f"{temporary.removesuffix('.tmp')}.old.tmp"  # damaged, or of an earlier training that came this far
    try:
        folder.rename(target, replaced)
    except FileNotFoundError:
        folder.rename(temporary, target)
        return
    folder.rename(temporary, target)
    folder.remove(replaced)


def sweep(folder: Path, iteration: int) -> None:
    """Remove what interrupted saves left, and every checkpoint up to an iteration except the last two and the best.

    Later ones could not be read, or training would have gone on from them. Only what has exactly such a name is
    removed, in a folder that is no link. Raises OSError where the folder cannot be read.
    """
    with Folder.opened(folder, OWN_FOLDER) as opened:
        for name in filter(LEFTOVER.fullmatch, opened.names()):
            opened.remove(name)
        old = [path for path in own_checkpoints(folder) if iteration_of(path) <= iteration][:-KEEP]
        best = best_checkpoint(folder) if old else None
        for path in old:
            if path != best:
                opened.remove(path.name)
