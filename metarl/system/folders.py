"""Folders of unknown origin: nothing that is read or written in them leads elsewhere.

An archive of a stranger may hold links, pipes, devices and files without end. A folder is opened name by name, its
entries are reached through its handle, links are never followed, and what is written is a new file of ours.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

HAS_HANDLES = os.open in os.supports_dir_fd  # not on Windows, where entries are named by their path
FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
MAX_BEGIN = 200  # bytes, so that a suffix and what makes it new fit into the 255 of a name
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class UnexpectedError(OSError, ValueError):
    """An entry is a link, a pipe, a device or anything else than is expected."""


class Folder:
    """An open folder. Every method raises OSError, with the path of the entry, where the system refuses, and where an
    entry is a link, a pipe, a device or anything else than is expected."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self.handle = path, handle

    @classmethod
    @contextmanager
    def opened(cls, path: Path, own: int = 1, make: bool = False) -> Iterator[Self]:
        """A folder, whose last `own` names are no links; make: those that are missing are made."""
        outer = Path(*path.parts[: max(len(path.parts) - own, 0)])
        folder = cls(outer, os.open(outer, os.O_RDONLY | os.O_DIRECTORY) if HAS_HANDLES else None)
        try:
            for name in path.relative_to(outer).parts:
                with folder.inner(name, make) as inner:
                    folder._exchange(inner)
            folder.path = path
            yield folder
        finally:
            folder._close()

    @contextmanager
    def inner(self, name: str, make: bool = False) -> Iterator[Self]:
        """A folder in this one; make: it is made where it is missing."""
        if make:
            with suppress(FileExistsError):
                self.make(name)
        self._check(name, stat.S_ISDIR, "folder")
        flags = FLAGS | getattr(os, "O_DIRECTORY", 0)
        folder = type(self)(self.path / name, os.open(name, flags, dir_fd=self.handle) if HAS_HANDLES else None)
        try:
            yield folder
        finally:
            folder._close()

    def _exchange(self, inner: Self) -> None:
        """Take the place of a folder in this one."""
        self._close()
        self.path, self.handle, inner.handle = inner.path, inner.handle, None

    def _close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def _at(self, name: str) -> str:
        """What the system is given for an entry, beside the handle."""
        return name if HAS_HANDLES else str(self.path / name)

    @property
    def _handle(self) -> dict[str, Any]:
        return {"dir_fd": self.handle} if HAS_HANDLES else {}

    def _check(self, name: str, is_right: Any, expected: str) -> None:
        """Before anything is opened: opening a device may have effects, and opening a pipe may wait for ever."""
        mode = self.status(name).st_mode
        if not is_right(mode):
            problem = f"it is a link, not a {expected}" if stat.S_ISLNK(mode) else f"it is not a {expected}"
            raise UnexpectedError(errno.EINVAL, problem, str(self.path / name))

    def status(self, name: str) -> os.stat_result:
        """Of the entry itself, whatever it links to."""
        return os.stat(self._at(name), follow_symlinks=False, **self._handle)

    def names(self) -> list[str]:
        """Of all entries, in order."""
        return sorted(os.listdir(self.handle if self.handle is not None else self.path))

    def is_folder(self, name: str) -> bool:
        """Whether an entry is a folder of its own, and no link to one."""
        try:
            return stat.S_ISDIR(self.status(name).st_mode)
        except OSError:
            return False

    def make(self, name: str) -> None:
        """A new folder."""
        os.mkdir(self._at(name), **self._handle)

    def open(self, name: str, flags: int) -> int:
        """A handle of a regular file."""
        with suppress(FileNotFoundError):
            self._check(name, stat.S_ISREG, "regular file")
        handle = os.open(self._at(name), flags | FLAGS, 0o666, **self._handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise UnexpectedError(errno.EINVAL, "it is not a regular file", str(self.path / name))
        return handle

    def create(self, name: str) -> BinaryIO:
        """A new file to write to."""
        return os.fdopen(self.open(name, NEW), "wb")

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of a regular file. ValueError where it is larger than `max_bytes`."""
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            content = b"" if os.fstat(file.fileno()).st_size > max_bytes else file.read(max_bytes + 1)
            if len(content) > max_bytes or (not content and os.fstat(file.fileno()).st_size):
                raise ValueError(f"{name} is not a regular file of at most {max_bytes} bytes")
            return content

    def read_end(self, name: str, max_bytes: int) -> bytes:
        """The last bytes of a regular file."""
        with os.fdopen(self.open(name, os.O_RDONLY), "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - max_bytes, 0))
            return file.read(max_bytes)

    def appended(self, name: str) -> BinaryIO:
        """A file to write to at its end; it must have no other name."""
        file = os.fdopen(self.open(name, APPEND), "ab")
        if os.fstat(file.fileno()).st_nlink > 1:
            file.close()
            raise UnexpectedError(errno.EMLINK, "it has another name elsewhere", str(self.path / name))
        return file

    def rename(self, old: str, new: str) -> None:
        """Give an entry the name of another, which it replaces."""
        both = {"src_dir_fd": self.handle, "dst_dir_fd": self.handle} if HAS_HANDLES else {}
        os.replace(self._at(old), self._at(new), **both)

    def remove(self, name: str) -> None:
        """An entry, with what is in it, as far as that is allowed; a link, and never what it links to."""
        with suppress(OSError):
            if self.is_folder(name):
                shutil.rmtree(self._at(name), ignore_errors=True, **self._handle)
            else:
                os.unlink(self._at(name), **self._handle)

    def sync(self) -> None:
        """Flush the names of its entries to the disk; not every disk can."""
        if self.handle is not None:
            try:
                os.fsync(self.handle)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                    raise


def fresh_name(name: str) -> str:
    """A hidden name that nothing has, beside `name`; of one that is long, it has the beginning."""
    begin = os.fsencode(name)[:MAX_BEGIN].decode(errors="ignore")
    return f".{begin}.{secrets.token_hex(8)}.tmp"
