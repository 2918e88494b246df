"""Memory and open files of a training that runs for a long time.

    python -m tests.soak 60                      # minutes, on the slopes of `maml_slope`, with a video now and then

Prints both every minute; at the end, by how many MB a minute memory grew (least squares, from the fifth minute on), and
the least and the largest number of open files.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from metarl.system import rendering

rendering.choose()

import numpy as np
from rich.console import Console

from metarl.config import files as settings
from metarl.runs import folder
from metarl.system.allocator import keep_freed_memory
from metarl.training.loop import train
from metarl.training.make import make_trainer

OPTIONS = {"train.iterations": 10**6, "train.checkpoint_every": 5, "train.video_every": 20, "train.num_threads": 1}
EVERY = 10.0  # s between two measurements
SETTLED = 5 * 60.0  # s after which memory should no longer grow


def usage() -> tuple[float, int, int]:
    """MB of memory in use, open files, threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd")), threading.active_count()


def monitor(minutes: float, seen: list[tuple[float, float, int]]) -> None:
    """Record the usage for so many minutes, then ask this process to stop."""
    start = time.monotonic()
    while (since := time.monotonic() - start) < 60 * minutes:
        memory, files, threads = usage()
        seen.append((since, memory, files))
        if len(seen) % round(60 / EVERY) == 1:
            print(f"{since / 60:4.0f} min  {memory:8.1f} MB  {files} files  {threads} threads", flush=True)
        time.sleep(EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


def main(minutes: float) -> None:
    keep_freed_memory()  # as the command line does
    os.chdir(tempfile.mkdtemp())
    config = settings.load(settings.find("maml_slope"), OPTIONS)
    run, trainer = folder.create("soak", config, ""), make_trainer(config)
    seen: list[tuple[float, float, int]] = []
    threading.Thread(target=monitor, args=(minutes, seen), daemon=True).start()
    train(run, trainer, Console(quiet=True))
    t, memory, files = (np.array(x) for x in zip(*seen, strict=True))
    late = t >= min(SETTLED, t[-1] / 2)
    slope = 60 * np.polyfit(t[late], memory[late], 1)[0]
    clips = len(list((run.path / "videos").glob("*.mp4")))
    print(f"{trainer.iteration} iterations, {clips} clips: memory grew by {slope:.3f} MB a minute, ", end="")
    print(f"{files[late].min()} to {files[late].max()} open files")


if __name__ == "__main__":
    main(float(sys.argv[1]))
