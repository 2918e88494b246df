"""Files that are written atomically, and files of unknown origin that are read within limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that replaces `path` when the block ends: complete and synced, or not at all.

    Raises OSError where it cannot be written; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def atomic_write(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8. Raises OSError where it cannot be written."""
    with atomic_file(path) as file:
        file.write(text.encode())


def sync_folder(folder: Path) -> None:
    """Flush the names of a folder's entries to the disk, as `os.fsync` does for a file's content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file; links are not followed.

    Raises OSError where it cannot be opened, ValueError where it is no regular file or larger than `max_bytes`.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        size = os.fstat(handle).st_size
        if not path.is_file() or size > max_bytes:
            raise ValueError(f"{path.name} is not a regular file of at most {max_bytes} bytes")
        return file.read(max_bytes + 1)
