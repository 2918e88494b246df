"""Files that are written atomically, and files of unknown origin that are read within limits."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from metarl.system.folders import Folder, fresh_name

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.tmp(\.[a-z0-9]+)?")  # see `fresh_name`
LEFT = 3600.0  # s after which nobody writes to a temporary file any more; chosen


@contextmanager
def atomic_file(path: Path, own: int = 0) -> Iterator[BinaryIO]:
    """A file to write to that replaces `path` when the block ends: complete and synced, or not at all.

    own: how many of the last names of its folder's path may not be links. Raises OSError, with `path` in it, where it
    cannot be written; `path` is then as it was, and nothing is left beside it.
    """
    with _atomic(path, own, "") as (folder, temporary), folder.create(temporary) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_path(path: Path, own: int = 0) -> Iterator[Path]:
    """The same for what writes files by their names: an empty file beside `path`, with the same suffix."""
    with _atomic(path, own, path.suffix) as (folder, temporary):
        with folder.create(temporary):
            pass
        yield folder.path / temporary
        handle = folder.open(temporary, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _atomic(path: Path, own: int, suffix: str) -> Iterator[tuple[Folder, str]]:
    """A folder and a new name in it; what has that name at the end gets the name of `path`."""
    temporary = fresh_name(path.name) + suffix
    try:
        with Folder.opened(path.parent, own) as folder:
            try:
                yield folder, temporary
                folder.rename(temporary, path.name)
            except BaseException:
                folder.remove(temporary)
                raise
            folder.sync()
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def atomic_write(path: Path, text: str, own: int = 0) -> None:
    """Write a text file atomically, in UTF-8. Raises OSError where it cannot be written."""
    with atomic_file(path, own) as file:
        file.write(text.encode())


def sweep_leftovers(folder: Folder) -> None:
    """Remove temporary files of processes that were killed."""
    for name in folder.names():
        if LEFTOVER.fullmatch(name) and time.time() - folder.status(name).st_mtime > LEFT:
            folder.remove(name)


def read_regular_file(path: Path, max_bytes: int, own: int = 0) -> bytes:
    """The content of a regular file; a link in its place, or in one of the last `own` names before it, is not followed.

    Raises OSError where it cannot be opened, ValueError where it is larger than `max_bytes`.
    """
    with Folder.opened(path.parent, own) as folder:
        return folder.read(path.name, max_bytes)
