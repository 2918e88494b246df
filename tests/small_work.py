"""What takes long in a command made small: measuring, packing, rendering, other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

import numpy as np
from PIL import Image

from envs.fewshot import omniglot
from tests import commands


class ProcessHere:
    """In place of `subprocess.Popen`: the command runs at once, in this process."""

    def __init__(self, command: list[str], stdout: BinaryIO, **others: Any) -> None:
        outcome = commands.run(command[3:])
        stdout.write((outcome.out + outcome.err).encode())
        stdout.flush()
        self.returncode = outcome.code

    def poll(self) -> int:
        return self.returncode

    def send_signal(self, number: int) -> None: ...

    def wait(self) -> int:
        return self.returncode


def _frames(*arguments: Any, **others: Any) -> Iterator[Any]:
    return (np.full((64, 64, 3), i, np.uint8) for i in range(5))


def _packed(arrays: Any) -> dict[str, dict[str, Any]]:
    noise = np.random.default_rng(0).integers(0, 256, 50_000, np.uint8)
    return {name: {"images28": noise} for name in omniglot.FILES}


def make_pictures(folder: Path) -> None:
    """Three classes of two pictures below shown/, and two pictures below asked/."""
    for name, grey in (("shown/dark", 10), ("shown/middle", 120), ("shown/bright", 240), ("asked", 20)):
        (folder / name).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(np.full((28, 28), grey + i, np.uint8)).save(folder / name / f"{i}.png")


def _false_slurm(base: Path) -> Path:
    folder = base / "slurm"
    folder.mkdir(exist_ok=True)
    for name, answer in {"sbatch": "Submitted batch job 1234567", "srun": "", "squeue": "", "sacct": ""}.items():
        if not (folder / name).exists():
            (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
            (folder / name).chmod(0o755)
    return folder


@contextmanager
def made_small(name: str, base: Path) -> Iterator[None]:
    """While a command of `tests.full_disks` runs."""
    from metarl.benchmarks.device import Measured
    from metarl.cli.evaluate import Evaluate

    row = Measured("ant", 2, 1, {"bare": 2e3, "ours": 1e3, "policy": 9e2}, None, {})
    film: dict[str, Any] = {
        "metarl.reporting.video.encoding.render": _frames,
        "metarl.system.rendering.choose": lambda: None,
    }
    few_tasks = {"metarl.cli.quickstart.Evaluate": lambda *words, **options: Evaluate(*words, **options | {"tasks": 8})}
    patches: dict[str, dict[str, Any]] = {
        "bench": {"metarl.benchmarks.device.bench_device": lambda *a, **k: [row]},
        "data": {
            "metarl.system.downloads._read": lambda folder, name: b"",
            "metarl.system.downloads._checked": lambda name, content: content,
            "metarl.system.downloads._pack": lambda archives, progress: {},
            "envs.fewshot.omniglot_pack.contents": _packed,
        },
        "play": {"metarl.deploy.play.viewer.Viewer.run": lambda viewer: None},
        "quickstart": film | few_tasks,
        "push": {"metarl.runs.hub.api": lambda: mock.Mock(**{"list_repo_files.return_value": ["manifest.json"]})},
        "study": {
            "metarl.evaluation.processes.subprocess.Popen": ProcessHere,
            "metarl.evaluation.study_jobs.PAUSE": 0.0,
        },
    }
    with ExitStack() as stack:
        for target, replacement in patches.get(name, film).items():
            stack.enter_context(mock.patch(target, replacement))
        stack.enter_context(mock.patch.dict(os.environ, {"PATH": f"{_false_slurm(base)}:{os.environ['PATH']}"}))
        yield
