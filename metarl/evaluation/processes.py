"""Commands of this program in processes of their own, which are let save and stop at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from metarl.config import plugins

Process = subprocess.Popen[bytes]


def start_process(words: Sequence[str], log: BinaryIO, **environment: str) -> Process:
    """`metarl` with these words on one core; what it prints is appended to `log`."""
    command = [sys.executable, "-m", "metarl", *words, *plugins.as_options()]
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    return subprocess.Popen(command, stdout=log, stderr=log, env=variables, start_new_session=True)


def stop_all(processes: Iterable[Process]) -> None:
    """Signal them to save and stop, and wait for them."""
    waiting = list(processes)
    for process in waiting:
        process.send_signal(signal.SIGTERM)
    for process in waiting:
        process.wait()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does."""
    before = {s: signal.signal(s, _interrupt) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
