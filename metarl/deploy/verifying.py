"""Whether an exported file acts as the policy does, tried in a process that has neither torch nor this project."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from envs.core import Tasks
from metarl.deploy import replay
from metarl.deploy.agent import Agent
from metarl.deploy.recording import record
from metarl.errors import UserError

STEPS = 1000
TOLERANCE = 1e-5  # of actions in [-1, 1]
ONNX_INSTALL = "pip install -c constraints.txt -e '.[export]'"


class Verified(NamedTuple):
    """How an exported file acts."""

    steps: int
    difference: float  # the largest, of actions in [-1, 1]; of discrete ones the fraction of steps with another action
    milliseconds: float  # of a step on one core
    size: int  # bytes
    imported: tuple[str, ...]  # of torch and this project, in its process

    @property
    def is_same(self) -> bool:
        """Whether it acts as the policy does."""
        return self.difference <= TOLERANCE


def verify(agent: Agent, path: Path, task: Tasks, seed: int = 0, steps: int = STEPS) -> Verified:
    """Let a file act on recorded steps of its policy in one task, in a process of its own.

    Raises UserError where that process fails, or imports what it should do without.
    """
    recording = record(agent, task, steps, torch.Generator().manual_seed(seed))
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "steps.npz", Path(folder) / "actions.npy"
        np.savez(given, **{k: v for k, v in recording._asdict().items() if k != "action"})
        said = _run(path.resolve(), given, got)
        actions = np.load(got)
    imported = tuple(name for name in said["imported"] if not (name == "torch" and path.suffix == ".pt"))
    if imported:
        raise UserError(
            f"the process that ran {path} imported {', '.join(imported)}: it has not shown that it can do without"
        )
    size = path.stat().st_size
    return Verified(steps, _difference(actions, recording.action), float(said["ms"]), size, tuple(said["imported"]))


def _run(*words: Path) -> dict[str, Any]:
    """What the program says. -P: modules beside it, which are of this project, are not found."""
    command = [sys.executable, "-P", str(Path(replay.__file__)), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        advice = f": {ONNX_INSTALL}" if "onnxruntime" in last else ""
        raise UserError(f"{words[0]} could not be run ({last}){advice}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _difference(got: Any, expected: Any) -> float:
    if got.shape != expected.shape:
        raise UserError(f"the file gave actions of shape {got.shape}, expected {expected.shape}: export it again")
    return float((got != expected).mean() if got.dtype.kind == "i" else np.abs(got - expected).max())
