"""Trainings that are killed, or whose disk fails, at any moment: what is left of them, and what resuming gives.

    python -m tests.faults kill 500      # SIGKILL at every file operation in turn, and at random times
    python -m tests.faults disk 100      # a full, broken or read-only disk from some operation on, for some time
    python -m tests.faults kill 500 gru_robot prototypical_omniglot    # so many of each of these configs, made small

Prints how many faults were tried, and raises AssertionError at the first that lost or changed anything. Trainings are
children of one warm process, some milliseconds each.
"""

from __future__ import annotations

import builtins
import errno
import hashlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint, folder
from metarl.training.loop import train
from metarl.training.make import make_trainer
from metarl.training.trainer import Trainer
from tests.conftest import smaller

EVERY = 2  # iterations between two checkpoints
OPTIONS: dict[str, Any] = {
    "train.iterations": 3 * EVERY,
    "train.checkpoint_every": EVERY,
    "train.num_tasks": 2,
    "train.episodes": 2,
    "train.num_threads": 1,
}
EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree")
FAILURES = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
Fault = Callable[[str], None]


def child(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; its exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except UserError:
            code = 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def config_of(name: str) -> Config:
    acting = {"tasks.horizon": 4, "policy.hidden": [4]}
    own = smaller(name)
    return settings.load(settings.find(name), own | OPTIONS | {k: v for k, v in acting.items() if k in own})


def go(name: str, fault: Fault | None = None) -> None:
    """Train in the working directory, or resume the run that is there, and write a digest of the final state."""
    if fault is not None:
        call_before_file_operations(fault)
    found = folder.every()
    if found:
        run = found[-1]
        begun = any(run.checkpoints.glob("iteration_*"))
        trainer = make_trainer(run.config, checkpoint.newest(run.checkpoints) if begun else None)
        run.keep_records_until(trainer.iteration)
    else:
        config = config_of(name)
        run, trainer = folder.create("tiny", config, ""), make_trainer(config)
    train(run, trainer, Console(file=io.StringIO()))
    Path("end").write_text(digest(trainer))


def digest(trainer: Trainer) -> str:
    """SHA-256 of the state that a training ends with."""
    sums, state = hashlib.sha256(), trainer.state
    for part in (state.theta, state.outer, {"generator": state.generator.get_state()}):
        for name in sorted(part):
            sums.update(name.encode() + part[name].numpy().tobytes())
    return sums.hexdigest()


def writes(mode: object, flags: int) -> bool:
    """Whether a file that is opened can be changed."""
    return mode not in ("r", "rb") if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def call_before_file_operations(fault: Fault) -> None:
    """Call `fault` before every file operation below the working directory."""
    here = os.getcwd()
    inside = [False]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or inside[0]:
            return
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike):
            inside[0] = True
            try:
                mine = os.path.abspath(os.fsdecode(path)).startswith(here) and not os.fsdecode(path).endswith("end")
            finally:
                inside[0] = False
            if mine and (event != "open" or writes(*arguments[1:])):
                fault(event)

    sync = os.fsync

    def fsync(handle: int) -> None:
        fault("fsync")
        sync(handle)

    os.fsync = fsync
    sys.addaudithook(hook)


def count_events(name: str, directory: Path) -> int:
    """How many file operations a whole training makes; passed on in a file."""
    seen = [0]

    def note(event: str) -> None:
        seen[0] += 1

    def work() -> None:
        os.chdir(directory)
        go(name, note)
        with builtins.open("end", "a") as file:
            file.write(f" {seen[0]}")

    assert child(work) == 0
    return int((directory / "end").read_text().split()[1])


def kill_at(number: int) -> Fault:
    left = [number]

    def fault(event: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return fault


def fail_from(number: int, times: int, code: int) -> Fault:
    seen = [0]

    def fault(event: str) -> None:
        seen[0] += 1
        if number <= seen[0] < number + times:
            raise OSError(code, os.strerror(code))

    return fault


def in_folder(name: str, directory: Path, fault: Fault | None = None) -> int:
    def work() -> None:
        os.chdir(directory)
        go(name, fault)

    return child(work)


def killed_after(name: str, directory: Path, seconds: float) -> None:
    pid = os.fork()
    if pid == 0:
        os.chdir(directory)
        try:
            go(name)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def check(name: str, directory: Path, whole: str) -> None:
    """At most one interval is lost, what is left can be read, and resuming ends with the same bits."""
    for run in (folder.Run(p.parent) for p in directory.glob("runs/*/*/config.yaml")):
        logged = run.records()[-1]["iteration"] if run.metrics.is_file() and run.records() else 0
        begun = list(run.checkpoints.glob("iteration_*"))
        saved = checkpoint.load_newest(run.checkpoints).iteration if begun else 0
        assert logged - saved <= EVERY, f"{logged - saved} iterations lost"
    (directory / "end").unlink(missing_ok=True)
    assert in_folder(name, directory) == 0, "it could not be resumed"
    assert (directory / "end").read_text() == whole, "it ended with other bits"
    assert not list(directory.rglob(".iteration_*")), "temporary folders were left"


def main(kind: str, count: int, name: str = "maml_point", seed: int = 0) -> None:
    """Try so many faults on trainings of a config, made small."""
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1)])  # imports much: once, not in every child
    rng = random.Random(seed)
    base = Path(tempfile.mkdtemp())
    try:
        (base / "whole").mkdir()
        start = time.perf_counter()
        events = count_events(name, base / "whole")
        lasted = time.perf_counter() - start
        whole = (base / "whole" / "end").read_text().split()[0]
        for i in range(count):
            directory = base / str(i)
            directory.mkdir()
            if kind == "disk":
                first, times, why = rng.randint(1, events), rng.choice((1, 2, 5, 20)), rng.choice(FAILURES)
                code = in_folder(name, directory, fail_from(first, times, why))
                assert code in (0, 2), f"a failing disk ended it with {code}"
            elif i % 2 == 0:
                assert in_folder(name, directory, kill_at(1 + i // 2 % events)) == -signal.SIGKILL
            else:
                killed_after(name, directory, rng.uniform(0, 1.2 * lasted))
            check(name, directory, whole)
            shutil.rmtree(directory)
        print(f"{name}: {count} of kind {kind}: nothing lost, nothing changed; {events} file operations a training")
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    for chosen in sys.argv[3:] or ["maml_point"]:
        main(sys.argv[1], int(sys.argv[2]), chosen)
