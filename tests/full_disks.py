"""Every command on a disk that is full, read-only or failing: one sentence, or its work, and no leftovers.

    python -m tests.full_disks 500                   # disks for each command
    python -m tests.full_disks 500 evaluate list     # for these

A third of the disks are small ones that fill up, a third are read-only (both are mounted, where this process may), and
on the others some file operation fails. What a command would do for long is made small: nothing is filmed or measured,
jobs are given to a false Slurm, and a study trains in this process. Raises AssertionError at the first command that
ends in a traceback, with more than one sentence, or later than after five seconds, that leaves a temporary file behind,
or damages a run.
"""

from __future__ import annotations

import collections
import ctypes
import errno
import gc
import logging
import os
import random
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from metarl.deploy import shipped
from tests import commands
from tests.damage_runs import CONFIGS, FEW, make_runs
from tests.faults import EVENTS, FAILURES, writes
from tests.small_work import made_small, make_pictures

IMAGES = "prototypical_omniglot"  # whose checkpoints are large, and not on every disk
SIZE = 12 * 2**20  # bytes of a disk
READ_ONLY, REMOUNT = 1, 32  # flags of mount(2)
TINY = [*"--tasks.horizon 4 --policy.hidden [4] --train.num_tasks 2 --train.episodes 2 --train.num_threads 1".split()]
POINT = [*TINY, "--train.iterations", "2"]
COMMANDS: dict[str, list[str]] = {
    "train": ["train", "maml_point", *POINT],
    "resume": ["resume", "maml_point"],
    "evaluate": ["evaluate", "maml_point", *FEW["maml_point"], "--seed", "3"],
    "compare": ["compare", "maml_point", *FEW["maml_point"], "--seed", "3", "--out", "out/table.md"],
    "compare as HTML": ["compare", "maml_point", *FEW["maml_point"], "--seed", "3", "--out", "out/report.html"],
    "study": ["study", "maml_point", *TINY[:-2], "--steps", "64", "--seeds", "7", "--num-tasks", "2", "--jobs", "1"],
    "submit": ["submit", "maml_point", *POINT],
    "record": ["record", "prototypical_omniglot"],
    "record a film": ["record", "--tasks", "HalfCheetahDirection", "--steps", "2"],
    "plot": ["plot", "maml_sinusoid"],
    "list": ["list", "runs"],
    "bench": ["bench", "sim", "--device", "warp", "--plot", "out/speed.png"],
    "analyse": ["analyse", "gradients", "maml_sinusoid", "--tasks", "2", "--alphas", "0.1", "0.01"],
    "export": ["export", "maml_point", "--format", "torchscript", "--episodes", "0", "--out", "out/policy.pt"],
    "tune": [
        "tune",
        "maml_point",
        "--space",
        "space.yaml",
        "--trials",
        "1",
        "--steps",
        "64",
        "--jobs",
        "1",
        *TINY[:-2],
    ],
    "data": ["data", "omniglot", "--from", ".", "--out", "out/omniglot"],
    "doctor": ["doctor"],
    "predict": ["predict", IMAGES, "--support", "shown", "--query", "asked", "--out", "out/predictions.png"],
    "push": ["push", "maml_point", "somebody/point"],
    "play": ["play", str(shipped.FOLDER / "cheetah"), "--port", "0"],
    "demo": ["demo", "--film"],
    "quickstart": [
        "quickstart",
        *"--tasks.horizon 4 --train.num_tasks 2 --train.episodes 4 --train.iterations 2".split(),
    ],
}


class Disk:
    """A disk at `path` with its own work folder, mounted where this process may."""

    def __init__(self, path: Path) -> None:
        self.path, self.libc = path, ctypes.CDLL(None, use_errno=True)
        path.mkdir()
        self.is_mounted = self._mount(0, f"size={SIZE}") == 0

    def _mount(self, flags: int, options: str) -> int:
        return int(self.libc.mount(b"tmpfs", bytes(self.path), b"tmpfs", flags, options.encode()))

    def close(self) -> None:
        if self.is_mounted:
            self.libc.umount2(bytes(self.path), 2)

    def fill(self, left: int) -> None:
        """So that so many bytes are left."""
        status = os.statvfs(self.path)
        (self.path / "ballast").write_bytes(bytes(max(status.f_bavail * status.f_frsize - left, 0)))

    def set_read_only(self, on: bool) -> None:
        if on:
            gc.collect()  # what is still open for writing
        busy = self._mount(REMOUNT | (READ_ONLY if on else 0), f"size={SIZE}") != 0
        if busy and on:  # the encoder of a film that failed before keeps its file open for a while
            print("a disk could not be made read-only: something is open for writing on it", file=sys.stderr)


class Failure:
    """Lets file operations that may write fail, from some operation on, for some time; made once, as hooks stay."""

    def __init__(self) -> None:
        self.first, self.times, self.code, self.seen, self.below = 0, 0, errno.EIO, 0, "/nowhere"
        sys.addaudithook(self._hook)
        self.sync = os.fsync
        os.fsync = self._fsync

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.times and event in EVENTS and (event != "open" or writes(*arguments[1:])):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike) and self._is_below(os.fsdecode(path)):
                self._count(os.fsdecode(path))

    def _is_below(self, path: str) -> bool:
        return not os.path.isabs(path) or path.startswith(self.below)

    def _fsync(self, handle: int) -> None:
        if self.times:
            self._count(None)
        self.sync(handle)

    def _count(self, path: str | None) -> None:
        self.seen += 1
        if self.first <= self.seen < self.first + self.times:
            raise OSError(self.code, os.strerror(self.code), path)


def main(count: int, names: list[str] | None = None, seed: int = 0) -> collections.Counter[str]:
    """Try so many disks for each command; how each ended."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    here, base = os.getcwd(), Path(tempfile.mkdtemp())
    ended: collections.Counter[str] = collections.Counter()
    failure, disk = Failure(), None
    try:
        (base / "made").mkdir()
        os.chdir(base / "made")
        wanted = [COMMANDS[name] for name in names or COMMANDS]
        make_runs([c for c in CONFIGS if c != IMAGES or any(IMAGES in words for words in wanted)])
        make_pictures(base / "made")
        (base / "made" / "space.yaml").write_text("outer.outer_lr: {low: 1.0e-4, high: 1.0e-2, log: true}\n")
        disk = Disk(base / "disk")
        for name in names or COMMANDS:
            assert _try(name, base, disk, failure, -1, random.Random(0)) == "work done", name
            gc.freeze()  # what is imported by now is not looked through again for each disk
            for i in range(count):
                rng = random.Random(f"{seed} {name} {i}")
                ended[f"{name}: {_try(name, base, disk, failure, i, rng)}"] += 1
            shown = {k: v for k, v in ended.items() if k.startswith(f"{name}: ")}
            print(shown, "on mounted disks" if disk.is_mounted else "nothing mounted", file=sys.stderr, flush=True)
    finally:
        gc.unfreeze()
        failure.times = 0
        os.fsync = failure.sync
        os.chdir(here)
        if disk is not None:
            disk.close()
        logging.disable(logging.NOTSET)
        shutil.rmtree(base, ignore_errors=True)
    print(f"{count} disks for each of {len(names or COMMANDS)} commands: a sentence or the work, no leftovers")
    return ended


def _try(name: str, base: Path, disk: Disk, failure: Failure, i: int, rng: random.Random) -> str:
    """One command on one disk, which is whole where i is negative; its exit code in a word."""
    work = disk.path / "work"
    without = None if IMAGES in COMMANDS[name] else shutil.ignore_patterns(IMAGES)
    shutil.copytree(base / "made", work, symlinks=True, ignore=without)
    (work / "out").mkdir()
    os.chdir(work)
    before = commands.snapshot(work / "runs")
    kind = "whole" if i < 0 else ("full", "read-only", "failing")[i % 3] if disk.is_mounted else "failing"
    if kind == "full":
        disk.fill(rng.choice((0, rng.randrange(2**12), rng.randrange(2**16), rng.randrange(2**18))))
    elif kind == "read-only":
        disk.set_read_only(True)
    elif kind == "failing":
        failure.first, failure.seen, failure.below = rng.randint(1, 40), 0, str(work)
        failure.code, failure.times = rng.choice(FAILURES), rng.choice((1, 2, 5, 1000))
    try:
        with made_small(name, base):
            outcome = commands.run(COMMANDS[name])
    finally:
        failure.times = 0
        if kind == "read-only":
            disk.set_read_only(False)
        (disk.path / "ballast").unlink(missing_ok=True)
    try:
        assert kind != "whole" or outcome.code == 0, outcome
        outcome.check()
        _check_left(work, before, name, kind)
    except AssertionError:
        print(f"{name} on disk {i}, {kind}, operation {failure.first}, error {failure.code}", file=sys.stderr)
        raise
    os.chdir(base)
    shutil.rmtree(work)
    return {0: "work done", 2: "a sentence", 3: "diverged", 4: "stopped"}[outcome.code]


def _check_left(work: Path, before: commands.Snapshot, name: str, kind: str) -> None:
    """No temporary file, unless the disk did not even let it be removed; and what was there before is there."""
    left = [p for p in work.rglob(".*") if p.name.endswith(".tmp") or ".tmp." in p.name]
    assert not left or kind == "failing", left
    lost = [p for p in before if not os.path.lexists(p) and "/iteration_" not in p]
    assert not lost, lost
    for path in (p for p in work.glob("runs/*/*") if p.is_dir()):
        assert (path / "config.yaml").is_file() or kind == "failing", f"{path} is half a run"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:] or None)
