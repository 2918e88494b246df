"""The lock of a run folder: one process trains in it at a time."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metarl.errors import UserError
from metarl.system.folders import Folder

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

NAME = "lock"
PAUSE = 0.05  # s between two looks at a lock
TAKEN = (errno.EAGAIN, errno.EACCES)


@contextmanager
def locked(path: Path, wait: float = 0.0) -> Iterator[None]:
    """Prevent other processes from training in this folder; nothing in it is changed before.

    wait: for another process, s. Raises UserError where another process already trains in it, or where it cannot be
    locked.
    """
    try:
        with Folder.opened(path) as folder:
            handle = folder.open(NAME, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise UserError(f"{path} could not be written: {error.strerror} ({NAME})") from None
    try:
        _lock(handle, path, time.monotonic() + wait)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, give_up: float) -> None:
    if fcntl is None:
        return
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in TAKEN:
                raise UserError(f"{path} could not be locked: {error.strerror}") from None
            if time.monotonic() >= give_up:
                raise UserError(f"{path} is being trained by another process: wait for it, or stop it") from None
        time.sleep(PAUSE)
