"""Run folders: `runs/<config>/<id>/`, never overwritten.

config.yaml, command.txt, environment.json      what is needed to repeat the run
metrics.jsonl                                   one record for each iteration
checkpoints/                                    see `metarl.runs.checkpoint`
diverged.txt                                    why training diverged, where it did
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from metarl.config import files as settings
from metarl.config import plugins
from metarl.config.experiment import Config
from metarl.distributed.launch import job, was_requeued
from metarl.errors import UserError, nearest
from metarl.runs import environment
from metarl.runs.checkpoint_index import newest_iteration
from metarl.system.files import atomic_write

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

__all__ = ["BEST", "ROOT", "Run", "create", "every", "find", "find_resumable"]

ROOT = Path("runs")
BEST = "@best"  # suffix of a run's name: its best checkpoint instead of its newest
DIVERGED = ("diverged.txt", "broke_down.txt")  # the second is the name in version 0.11


class Run:
    """One training run on disk; `best` refers to its best checkpoint instead of its newest."""

    def __init__(self, path: Path, best: bool = False) -> None:
        self.path, self.best = path, best
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"

    @cached_property
    def config(self) -> Config:
        """Its settings. Raises UserError where they cannot be read, with the plugins that it was trained with."""
        try:
            return settings.load(self.path / "config.yaml")
        except UserError as error:
            missing = [f"--plugin {name}" for name in self._missing("plugins", plugins.loaded())]
            missing += [f"the package {name} installed" for name in self._missing("packages", environment.packages())]
            if not missing:
                raise
            raise UserError(f"{error}; it was trained with {' '.join(missing)}: give that again") from None

    def _missing(self, key: str, present: list[str]) -> list[str]:
        """Plugins or packages that it was trained with and that are not there. They are never imported from here."""
        stored = _json_object(self.path / "environment.json").get(key)
        names = [str(name)[:200] for name in stored[:20]] if isinstance(stored, list) else []
        return [name for name in names if name not in present]

    @property
    def name(self) -> str:
        """`<config>/<id>`, followed by `@best` for the best checkpoint."""
        return f"{self.path.parent.name}/{self.path.name}{BEST if self.best else ''}"

    @property
    def title(self) -> str:
        """What runs of several seeds have in common: `<config>`, followed by `@best` for the best checkpoint."""
        return self.path.parent.name + (BEST if self.best else "")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other processes from training in this folder; UserError where one already does."""
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
        """The commit of the checkout that started the run; None where it was not a checkout."""
        return self._environment("commit")

    def _environment(self, key: str) -> str | None:
        """A value of `environment.json`, such as `commit`, `launch` or `job`; None where there is none."""
        value = _json_object(self.path / "environment.json").get(key)
        return str(value) if value else None

    @property
    def diverged(self) -> str:
        """Why training diverged; empty where it did not."""
        for name in DIVERGED:
            try:
                return (self.path / name).read_text(errors="replace").strip()
            except OSError:
                continue
        return ""

    def save_placement(self, simulator: str, device: str) -> None:
        """Store what `auto` chose, so that a resumed training makes the same choice."""
        atomic_write(self.path / "place.json", json.dumps({"simulator": simulator, "device": device}))

    @property
    def saved_placement(self) -> tuple[str | None, str | None]:
        """Simulator and device of its training so far; None where they are not known."""
        stored = _json_object(self.path / "place.json")
        simulator, device = stored.get("simulator"), stored.get("device")
        return simulator if simulator in ("cpu", "gpu") else None, device if device in ("cpu", "cuda") else None

    def records(self) -> list[dict[str, float]]:
        """One record for each iteration. Raises UserError where no iteration was finished."""
        if not self.metrics.is_file():
            raise UserError(f"{self.path} has no metrics.jsonl: it has not finished an iteration")
        return [r for line in self.metrics.read_text(errors="replace").splitlines() if (r := _record(line)) is not None]

    def keep_records_until(self, iteration: int) -> None:
        """Drop records of later iterations than that of the checkpoint from which training resumes."""
        kept = [r for r in self.records() if r["iteration"] <= iteration] if self.metrics.is_file() else []
        atomic_write(self.metrics, "".join(json.dumps(r) + "\n" for r in kept))


def _json_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object; an empty one where it cannot be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(line: str) -> dict[str, float] | None:
    """The metrics of an iteration; None for an incomplete line, which a killed process or a full disk may leave."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not all(type(v) in (int, float) for v in record.values()):
        return None
    return record if record.keys() >= {"iteration", "env_steps"} else None


def create(name: str, config: Config, command: str, launch: str | None = None) -> Run:
    """A new run folder with what is needed to repeat the run: settings, command, versions.

    launch: what all processes of one call of torchrun share, also those that it starts again. Raises UserError where
    the folder cannot be written.
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
            raise UserError(f"the run folder {path} could not be created: {error.strerror}") from None
    try:
        (path / "command.txt").write_text(command + "\n")
        (path / "environment.json").write_text(json.dumps(environment.describe(launch), indent=1))
        atomic_write(path / "config.yaml", settings.dump(config))  # last: a folder without it is not a run
    except OSError as error:
        raise UserError(f"the run folder {path} could not be written: {error.strerror}") from None
    return Run(path)


def find(text: str) -> Run:
    """A run by its folder, or the newest run of a config by the config's name; `@best` selects its best checkpoint.

    Raises UserError, with the nearest known run, where there is none.
    """
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
    """The run that processes with these settings continue; None where they start a new one.

    It is the run of the same launch, finished or not; or an unfinished run of a job that was put back in its queue.
    """
    if launch is None:
        return None
    for path in sorted((ROOT / name).glob("*/config.yaml"), reverse=True):
        run = Run(path.parent)
        try:
            if run.config != config:
                continue
        except UserError:
            continue  # of another version
        if run._environment("launch") == launch:
            return run
        finished = run.diverged or newest_iteration(run.checkpoints) >= config.train.iterations
        if was_requeued() and run._environment("job") == job():
            return None if finished else run
    return None


def every() -> list[Run]:
    """All runs below `runs/`, oldest first within a config."""
    return [Run(p.parent) for p in sorted(ROOT.glob("*/*/config.yaml"))]
