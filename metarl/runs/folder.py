"""Run folders: `runs/<config>/<id>/`, never overwritten.

config.yaml, command.txt, environment.json      what is needed to repeat the run
metrics.jsonl                                   one record for each iteration
checkpoints/                                    see `metarl.runs.checkpoint`
diverged.txt                                    why training diverged, where it did
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.distributed.launch import job, was_requeued
from metarl.errors import UserError
from metarl.runs import environment, hub, order
from metarl.runs.advice import no_run_at
from metarl.runs.checkpoint_index import newest_iteration
from metarl.runs.run import BEST, Run
from metarl.system.files import atomic_write

__all__ = ["BEST", "ROOT", "Run", "create", "every", "find", "find_resumable"]

ROOT = Path("runs")


def _digests(config: Config) -> dict[str, str]:
    """Of files of the user's own, of a robot or of images, and of pretrained weights, where there are some."""
    found = {"model": config.tasks.model_digest(), "weights": config.learner.weights_digest()}
    return {name: digest for name, digest in found.items() if digest}


def create(name: str, config: Config, command: str, launch: str | None = None) -> Run:
    """A new run folder with what is needed to repeat the run: settings, command, versions.

    launch: what all processes of one call of torchrun share, also those that it starts again. Raises UserError where
    the folder cannot be written.
    """
    started = order.next_stamp(order.runs_in(ROOT / name))
    path = _new_folder(ROOT / name)
    try:
        (path / "command.txt").write_text(command + "\n")
        described = environment.describe(launch) | {"started": started} | _digests(config)
        (path / "environment.json").write_text(json.dumps(described, indent=1))
        atomic_write(path / "config.yaml", settings.dump(config))  # last: a folder without it is not a run
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise UserError(f"the run folder {path} could not be written: {error.strerror}") from None
    return Run(path)


def _new_folder(folder: Path) -> Path:
    stamp = time.strftime(order.NAME, time.gmtime())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{i}" for i in range(2, 1000))):
            with suppress(FileExistsError):
                (folder / (stamp + suffix)).mkdir()
                return folder / (stamp + suffix)
    except OSError as error:
        raise UserError(f"a run folder in {folder} could not be created: {error.strerror}") from None
    raise UserError(f"{folder} holds a thousand runs of {stamp}: wait a second")


def find(text: str) -> Run:
    """A run by its folder, or the newest run of a config by the config's name; `@best` selects its best checkpoint.

    `hf://user/name` is fetched from the Hugging Face Hub (`metarl.runs.hub`). Raises UserError, with the nearest known
    run, where there is none.
    """
    if text.startswith(hub.PREFIX):
        return Run(hub.fetched(text))
    text, best = text.removesuffix(BEST), text.endswith(BEST)
    path = Path(text)
    for candidate in (path, ROOT / text) if settings.can_be_path(text) else ():
        if order.is_run(candidate):
            return Run(candidate, best)
        if problem := _unusual(candidate):
            raise UserError(problem)
        if newest := order.runs_in(candidate):
            return Run(newest[-1], best)
    known = [str(r.path) for r in every()]
    raise UserError(no_run_at(text, known, [str(ROOT / p.name) for p in ROOT.glob("*")]))


def _unusual(path: Path) -> str:
    """Why what looks like a run is none; empty where it does not look like one."""
    if not os.path.lexists(path / "config.yaml"):
        return ""
    if path.is_symlink():
        return f"{path} is a link: give the folder that it leads to"
    return f"{path / 'config.yaml'} is not a regular file: there is no run that can be trusted"


def find_resumable(name: str, config: Config, launch: str | None) -> Run | None:
    """The run that processes with these settings continue; None where they start a new one.

    It is the run of the same launch, finished or not; or an unfinished run of a job that was put back in its queue.
    """
    if launch is None:
        return None
    for path in reversed(order.runs_in(ROOT / name)):
        run = Run(path)
        try:
            if run.config != config:
                continue
        except UserError:
            continue  # of another version
        if run.environment.launch == launch:
            return run
        finished = run.diverged or newest_iteration(run.checkpoints) >= config.train.iterations
        if was_requeued() and run.environment.job == job():
            return None if finished else run
    return None


def every() -> list[Run]:
    """All runs below `runs/`, oldest first within a config."""
    folders = sorted(ROOT.iterdir()) if ROOT.is_dir() else []
    return [Run(path) for folder in folders for path in order.runs_in(folder)]
