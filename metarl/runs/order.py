"""In which order runs were started: by a stamp in UTC that grows from run to run, whatever clocks and time zones do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from metarl.errors import is_text
from metarl.runs import stored
from metarl.system.folders import Folder

NAME = "%Y%m%d-%H%M%S"  # of a run folder: when it was started, in UTC; before version 0.13 in local time
_NAMED = re.compile(r"(\d{8}-\d{6})(?:-(\d{1,3}))?", re.ASCII)
MAX_STAMP = 2**62 - 1  # of `stored.Environment`
Key = tuple[int, int, str]


def is_plain(path: Path) -> bool:
    """Whether there is a regular file, and no link to one."""
    try:
        return os.path.isfile(path) and not os.path.islink(path)
    except (OSError, ValueError):
        return False


def is_run(path: Path) -> bool:
    """Whether a folder with a name in UTF-8, and no link to one, holds a run."""
    return is_text(str(path)) and not os.path.islink(path) and is_plain(path / "config.yaml")


def runs_in(folder: Path) -> list[Path]:
    """The run folders in a folder, oldest first; entries that are none, or that cannot be looked at, are left out."""
    try:
        paths = [folder / name for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(is_run, paths), key=started)


def started(path: Path) -> Key:
    """When a run was started, for sorting."""
    named = _NAMED.fullmatch(path.name)
    stamp = _stored_stamp(path)
    if stamp is None:
        stamp = _stamp_of_name(named[1]) if named else None
    if stamp is None:
        stamp = _written(path / "config.yaml")
    return stamp, int(named[2] or 1) if named else 1, path.name


def _stored_stamp(path: Path) -> int | None:
    try:
        with Folder.opened(path) as folder:
            return stored.parse(stored.Environment, folder.read("environment.json", stored.MAX_BYTES)).started
    except stored.UNREADABLE:
        return None


def _stamp_of_name(text: str) -> int | None:
    """Of a run of an earlier version, by the local time in its name."""
    try:
        return int(time.mktime(time.strptime(text, NAME))) * 10**9
    except (ValueError, OverflowError):
        return None


def _written(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def next_stamp(paths: Iterable[Path]) -> int:
    """Now, or just after the newest of these runs where the clock was put back since."""
    newest = max((started(path)[0] for path in paths), default=0)
    return max(time.time_ns(), newest + 1 if newest < MAX_STAMP else 0)
