"""A training run on disk, whoever made it: its files are data, and nothing in its folder leads elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from metarl.config import files as settings
from metarl.config import plugins
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import environment, lock, records, stored
from metarl.runs.checkpoint_index import checkpoints
from metarl.runs.records import Record
from metarl.system.files import atomic_write, sweep_leftovers
from metarl.system.folders import Folder

BEST = "@best"  # suffix of a run's name: its best checkpoint instead of its newest
MAX_END = 2**15  # bytes; chosen
METRICS = "metrics.jsonl"
DIVERGED = ("diverged.txt", "broke_down.txt")  # the second is the name in version 0.11


class Run:
    """One training run on disk; `best` refers to its best checkpoint instead of its newest."""

    def __init__(self, path: Path, best: bool = False) -> None:
        self.path, self.best = path, best
        self.has_other_tasks = False  # whether `config` has other tasks than it was trained on
        self.is_locked = False
        self.checkpoints = path / "checkpoints"
        self.metrics = path / METRICS

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

    def check_model(self) -> None:
        """Raise UserError where the files of its robot, its images, or its pretrained weights are not those that it
        was trained with.
        """
        tasks, learner = self.config.tasks, self.config.learner
        was = self.environment
        for trained, digest, files in (
            (was.model, tasks.model_digest, tasks.files_are),
            (was.weights, learner.weights_digest, "other weights"),
        ):
            try:
                now = trained and digest()
            except ValueError as error:
                raise UserError(str(error)) from None
            if now != trained:
                raise UserError(
                    f"{self.path} was trained with {files} than the files hold now: put the old ones back, or train "
                    "again"
                )

    def _missing(self, key: str, present: list[str]) -> list[str]:
        """Plugins or packages that it was trained with and that are not there. They are never imported from here."""
        return [name for name in getattr(self.environment, key) if name not in present]

    def read(self, name: str, max_bytes: int) -> bytes:
        """A file of it. Raises OSError or ValueError for a link, for what is no regular file, and for a larger one."""
        with Folder.opened(self.path) as folder:
            return folder.read(name, max_bytes)

    def write(self, name: str, text: str) -> None:
        """A file of it, atomically. Raises OSError where it cannot be written."""
        atomic_write(self.path / name, text, own=1)

    @contextmanager
    def appended(self, name: str) -> Iterator[BinaryIO]:
        """A file of it to write to at its end. Raises OSError where that cannot be done."""
        with Folder.opened(self.path) as folder, folder.appended(name) as file:
            yield file

    def last_line(self, name: str) -> str:
        """Of a text file, as far as its last kilobytes hold it; empty where it cannot be read."""
        try:
            with Folder.opened(self.path) as folder:
                lines = folder.read_end(name, MAX_END).decode(errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""

    def sweep(self) -> None:
        """Remove temporary files of processes that were killed. Raises OSError where the folder cannot be read."""
        with Folder.opened(self.path) as folder:
            sweep_leftovers(folder)

    def _stored(self, kind: type[stored.S], name: str, empty: stored.S) -> stored.S:
        try:
            with Folder.opened(self.path) as folder:
                return stored.read(kind, folder, name, empty)
        except OSError:
            return empty

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
        """Prevent other processes from training in this folder; UserError where one already does.

        It is to be taken before anything in the folder is changed.
        """
        with lock.locked(self.path):
            self.is_locked = True
            try:
                yield
            finally:
                self.is_locked = False

    def held(self) -> AbstractContextManager[None]:
        """The same where this object has not locked it yet."""
        return nullcontext() if self.is_locked else self.locked()

    @property
    def has_checkpoints(self) -> bool:
        """Whether there is anything to resume from, readable or not."""
        try:
            return bool(checkpoints(self.checkpoints))
        except OSError:
            return True

    @property
    def commit(self) -> str | None:
        """The commit of the checkout that started the run; None where it was not a checkout."""
        return self.environment.commit

    @property
    def command(self) -> str:
        """The command that started it; empty where that cannot be read."""
        return self._text("command.txt")

    @property
    def environment(self) -> stored.Environment:
        """What it was started with; empty where that cannot be read."""
        return self._stored(stored.Environment, "environment.json", stored.Environment())

    @property
    def diverged(self) -> str:
        """Why training diverged; empty where it did not."""
        return next((text for name in DIVERGED if (text := self._text(name))), "")

    def _text(self, name: str) -> str:
        try:
            return self.read(name, stored.MAX_BYTES).decode(errors="replace").strip()
        except stored.UNREADABLE:
            return ""

    def save_placement(self, simulator: str, device: str) -> None:
        """Store what `auto` chose, so that a resumed training makes the same choice."""
        self.write("place.json", json.dumps({"simulator": simulator, "device": device}))

    @property
    def saved_placement(self) -> tuple[str | None, str | None]:
        """Simulator and device of its training so far; None where they are not known."""
        place = self._stored(stored.Place, "place.json", stored.Place())
        return place.simulator, place.device

    def records(self) -> list[Record]:
        """One record for each iteration. Raises UserError where no iteration was finished."""
        try:
            return records.parse_records(self.read(METRICS, records.MAX_BYTES))
        except FileNotFoundError:
            raise UserError(f"{self.path} has no {METRICS}: it has not finished an iteration") from None
        except OSError as error:
            raise UserError(f"{self.metrics} could not be read: {error.strerror}") from None
        except ValueError as error:
            raise UserError(f"{self.path}: {error}") from None

    def last_record(self) -> Record | None:
        """The newest of these, where the end of the file holds one; None where no iteration was finished."""
        try:
            with Folder.opened(self.path) as folder:
                found = records.parse_records(folder.read_end(METRICS, MAX_END))
        except OSError:
            return None
        return found[-1] if found else None

    def keep_records_until(self, iteration: int) -> None:
        """Drop records of later iterations than that of the checkpoint from which training resumes.

        Raises UserError where another process trains in the folder, or where it cannot be written.
        """
        with self.held():
            kept = [r for r in self.records() if r["iteration"] <= iteration] if os.path.lexists(self.metrics) else []
            try:
                self.write(METRICS, "".join(json.dumps(r) + "\n" for r in kept))
            except OSError as error:
                raise UserError(f"{self.metrics} could not be written: {error.strerror}") from None
