"""Writing checkpoints, and removing those that are no longer needed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from metarl.runs.checkpoint.state import State, packed
from metarl.runs.checkpoint_index import MANIFEST, best_checkpoint, checkpoint_name
from metarl.system.files import sync_folder

KEEP = 2  # chosen: the newest, and one to fall back on


def save(folder: Path, state: State) -> Path:
    """Write a checkpoint atomically and remove old ones; its path.

    Raises OSError where it cannot be written; earlier checkpoints are then as they were.
    """
    target = folder / checkpoint_name(state.iteration)
    temporary = folder / f".{target.name}.{os.getpid()}.tmp"
    files = packed(state)
    sums = {name: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for name, c in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, {**files, MANIFEST: json.dumps(sums, indent=1).encode()})
        _rename_over(temporary, target)
        sync_folder(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sweep(folder)
    return target


def _write_synced(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        with open(folder / name, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


def _rename_over(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)
        return
    replaced = temporary.with_suffix(".old.tmp")  # damaged, or of an earlier training that came this far
    os.replace(target, replaced)
    os.rename(temporary, target)
    shutil.rmtree(replaced, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what interrupted saves left, and every checkpoint except the last two and the best."""
    for leftover in folder.glob(".iteration_*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    old = sorted(folder.glob("iteration_*"))[:-KEEP]
    if old:
        best = best_checkpoint(folder)
        for path in old:
            if path != best:
                shutil.rmtree(path, ignore_errors=True)
