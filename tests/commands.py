"""Commands in this process, within a time, and what they leave of the files around them."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from metarl.cli import app as cli

SECONDS = 5.0  # in which a command must say what is wrong
ENDS = (0, 2, 3, 4)  # exit codes: done, a sentence, diverged, stopped
Snapshot = dict[str, tuple[object, ...]]


class TooSlowError(BaseException):
    """A command took too long."""


class Outcome(NamedTuple):
    """How a command ended."""

    words: list[str]
    code: int
    out: str
    err: str
    seconds: float

    def check(self) -> None:
        """It was done, or ended with one sentence. AssertionError otherwise."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert self.code in ENDS, self
        assert "Traceback" not in self.err, self
        assert len(errors) == (self.code in (2, 3)), self
        assert all(10 < len(line) < 3000 for line in errors), self
        assert self.seconds < SECONDS, self


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """TooSlowError after so many seconds, also where the system waits."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(words: list[str], seconds: float = 24 * SECONDS) -> Outcome:
    """Run `metarl` with these words; on a busy machine processor time counts, and `seconds` is when it is stopped."""
    out, err = io.StringIO(), io.StringIO()
    start, code = time.process_time(), 0
    with redirect_stdout(out), redirect_stderr(err), limited(seconds):
        try:
            cli.main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(words, code, out.getvalue(), err.getvalue(), time.process_time() - start)


def snapshot(root: Path) -> Snapshot:
    """Everything below a folder: kind, mode, times, links and contents."""
    found: Snapshot = {}
    for folder, names, files in os.walk(root):
        for name in [".", *names, *files]:
            path = Path(folder) / name
            status = path.lstat()
            content: object = None
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What is there no longer, is new, or is another."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
