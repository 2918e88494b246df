"""Run folders: `runs/<config>/<id>/`, never overwritten."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from metarl import __version__
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.distributed.launch import job, was_requeued
from metarl.errors import UserError, nearest

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

ROOT = Path("runs")
PACKAGES = ("torch", "mujoco", "gymnasium", "numpy")


BEST = "@best"  # at the end of what a run is called: its best checkpoint, not its newest


class Run:
    """One training run on disk; `best` if its best checkpoint is meant and not its newest."""

    def __init__(self, path: Path, best: bool = False) -> None:
        self.path, self.best = path, best
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"

    @property
    def config(self) -> Config:
        return settings.load(self.path / "config.yaml")

    @property
    def name(self) -> str:
        """`<config>/<id>`, with `@best` where that is meant."""
        return f"{self.path.parent.name}/{self.path.name}{BEST if self.best else ''}"

    @property
    def title(self) -> str:
        """What it has in common with runs of other seeds: `<config>`, with `@best` where that is meant."""
        return self.path.parent.name + (BEST if self.best else "")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training here; UserError where one does."""
        try:
            file = (self.path / "lock").open("w")
        except OSError as error:
            raise UserError(f"{self.path} could not be written: {error.strerror}") from None
        with file:
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"{self.path} is being trained by another process: wait for it, or stop it") from None
            yield

    @property
    def commit(self) -> str | None:
        """Of the checkout that the run was begun with, where it was one."""
        return self._begun("commit")

    def _begun(self, what: str) -> str | None:
        """One of the things noted when it was begun: `commit`, and of several processes their `launch` and `job`."""
        try:
            told = json.loads((self.path / "environment.json").read_text()).get(what)
        except (OSError, ValueError, AttributeError, RecursionError):
            return None
        return str(told) if told else None

    @property
    def diverged(self) -> str:
        """What learning broke down of, where it did."""
        try:
            return (self.path / "diverged.txt").read_text(errors="replace").strip()
        except OSError:
            return ""

    def save_placement(self, simulator: str, device: str) -> None:
        """Remember what `auto` came to, so that a training that goes on does so there."""
        atomic_write(self.path / "place.json", json.dumps({"simulator": simulator, "device": device}))

    @property
    def saved_placement(self) -> tuple[str | None, str | None]:
        """Simulator and device of its training so far, where they are known."""
        try:
            told = json.loads((self.path / "place.json").read_text())
        except (OSError, ValueError, RecursionError):
            return None, None
        kept = told if isinstance(told, dict) else {}
        simulator, device = kept.get("simulator"), kept.get("device")
        return simulator if simulator in ("cpu", "gpu") else None, device if device in ("cpu", "cuda") else None

    def records(self) -> list[dict[str, float]]:
        """One record an iteration."""
        if not self.metrics.is_file():
            raise UserError(f"{self.path} has no metrics.jsonl: it has not finished an iteration")
        return [r for line in self.metrics.read_text(errors="replace").splitlines() if (r := _record(line)) is not None]

    def keep_records_until(self, iteration: int) -> None:
        """Drop what was logged after the checkpoint that training goes on from."""
        kept = [r for r in self.records() if r["iteration"] <= iteration] if self.metrics.is_file() else []
        atomic_write(self.metrics, "".join(json.dumps(r) + "\n" for r in kept))


def create(name: str, config: Config, command: str, launch: str | None = None) -> Run:
    """A new run folder with what is needed to repeat it: settings, command, versions.

    launch: what its processes share with those that may be started in their place.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{i}" for i in range(2, 1000))):
        path = ROOT / name / (stamp + suffix)
        try:
            path.mkdir(parents=True)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"a run folder could not be made at {path}: {error.strerror}") from None
    try:
        _fill(path, config, command, launch)
    except OSError as error:
        raise UserError(f"the run folder {path} could not be written: {error.strerror}") from None
    return Run(path)


def _fill(path: Path, config: Config, command: str, launch: str | None) -> None:
    (path / "command.txt").write_text(command + "\n")
    versions = {p: importlib.metadata.version(p) for p in PACKAGES}
    about = {"metarl": __version__, "commit": commit(), "python": platform.python_version()}
    about |= {"machine": platform.machine(), **versions}
    if launch:
        about |= {"launch": launch} | ({"job": name} if (name := job()) else {})
    (path / "environment.json").write_text(json.dumps(about, indent=1))
    atomic_write(path / "config.yaml", settings.dump(config))  # last: what has none is no run


def atomic_write(path: Path, text: str) -> None:
    """Write a file that is there whole, or as it was before."""
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def _record(line: str) -> dict[str, float] | None:
    """What was logged of an iteration; None of half a line, which a killed run or a full disk may leave."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not all(type(v) in (int, float) for v in record.values()):
        return None
    return record if record.keys() >= {"iteration", "env_steps"} else None


@cache
def commit() -> str | None:
    """The commit of the checkout that this is, with a + where it was changed since; None where it is none."""
    here = Path(__file__).resolve().parent.parent.parent
    words = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and (here / ".git").exists() else None


def find(text: str) -> Run:
    """A run by folder, or the newest run of a config by the config's name; with `@best` after it, what it did best."""
    text, best = text.removesuffix(BEST), text.endswith(BEST)
    path = Path(text)
    for candidate in (path, ROOT / text) if settings.can_be_path(text) else ():
        if (candidate / "config.yaml").is_file():
            return Run(candidate, best)
        newest = sorted(p for p in candidate.glob("*") if (p / "config.yaml").is_file()) if candidate.is_dir() else []
        if newest:
            return Run(newest[-1], best)
    known = [str(r.path) for r in every()]
    hint = nearest(text, known + [str(ROOT / p.name) for p in ROOT.glob("*")]) if known else "train one first"
    raise UserError(f"there is no run at {text}; {hint}")


def find_resumable(name: str, config: Config, launch: str | None) -> Run | None:
    """The run that processes of these settings are started again for; None where they are the first.

    It is that of the same launch, ended or not; or one that did not end, of a job that was put back in its queue.
    """
    if launch is None:
        return None
    from metarl.runs import checkpoint  # imports torch, which takes a second

    for path in sorted((ROOT / name).glob("*/config.yaml"), reverse=True):
        run = Run(path.parent)
        try:
            if run.config != config:
                continue
        except UserError:
            continue  # of another version
        if run._begun("launch") == launch:
            return run
        ended = run.diverged or checkpoint.newest_iteration(run.checkpoints) >= config.train.iterations
        if was_requeued() and run._begun("job") == job():
            return None if ended else run
    return None


def every() -> list[Run]:
    """All runs below `runs/`, oldest first within a config."""
    return [Run(p.parent) for p in sorted(ROOT.glob("*/*/config.yaml"))]
