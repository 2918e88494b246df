"""Many learners on many distributions with many seeds: what is not trained yet is trained, side by side."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from metarl import config as settings
from metarl import runs, schema
from metarl.errors import UserError
from metarl.runs import Run


class Wanted(NamedTuple):
    """One training of a study."""

    name: str
    config: schema.Config


def wanted(
    configs: Sequence[str], tasks: Sequence[str], seeds: Sequence[int], steps: float | None, overrides: dict[str, Any]
) -> list[Wanted]:
    """Every config on every distribution with every seed; for `steps` environment steps each, or a little more.

    tasks: names of `metarl list tasks` or of configs whose tasks are meant; none leaves each config its own.
    """
    found = []
    for name in tasks or (None,):
        for config in configs:
            path = settings.find(config)
            for seed in seeds:
                changes = _tasks_of(name, path) | overrides | {"seed": seed, "train.num_threads": 1}
                made = settings.load(path, changes)
                each = steps_of_an_iteration(made)  # tells what is wrong with the tasks before anything is trained
                if steps is not None:
                    iterations = math.ceil(steps / each)
                    made = settings.load(path, changes | {"train.iterations": iterations})
                found.append(Wanted(path.stem, made))
    return found


def _tasks_of(name: str | None, path: Path) -> dict[str, Any]:
    if name is None:
        return {}
    if name in settings.names() or name.endswith((".yaml", ".yml")):
        return {"tasks": settings.read_yaml(settings.find(name))["tasks"]}
    own = settings.read_yaml(path)["tasks"]
    return {"tasks": {"kind": "named", "name": name} | {k: own[k] for k in ("action_scale",) if k in own}}


def steps_of_an_iteration(config: schema.Config) -> int:
    """Environment steps, counted as if no episode ended early."""
    from metarl.build import build_family, build_learner

    if config.tasks.kind in schema.SUPERVISED:
        raise UserError("a study is of learners that act: for runs on images see metarl compare")
    family = build_family(config)
    rounds = build_learner(config, family).rounds + 1
    return config.train.num_tasks * config.train.episodes * rounds * family.horizon


def run_of(want: Wanted) -> Run | None:
    """The run of just this config that has come farthest, whatever its number of threads."""
    same = schema.without_threads(want.config)
    known = [r for r in (Run(p.parent) for p in sorted((runs.ROOT / want.name).glob("*/config.yaml"))) if _is(r, same)]
    return max(known, key=_done, default=None)


def _is(run: Run, same: str) -> bool:
    try:
        return schema.without_threads(run.config) == same
    except UserError:
        return False  # of another version


def _done(run: Run) -> int:
    try:
        records = run.records()
    except UserError:
        return 0
    return int(records[-1]["iteration"]) if records else 0


class Job(NamedTuple):
    """A training that is going on in a process of its own."""

    want: Wanted
    run: Run
    process: subprocess.Popen[bytes]


def train_all(wants: Sequence[Wanted], command: str, jobs: int, console: Console) -> list[Run]:
    """The runs, in the order of `wants`; those that are not at their end are trained, `jobs` at a time.

    Ctrl-C and SIGTERM let every training save; the study goes on from there when it is started again. Raises UserError
    when one breaks down, after those that are going on have saved.
    """
    found = {i: run for i, want in enumerate(wants) if (run := run_of(want)) is not None}
    open_ = [i for i, want in enumerate(wants) if i not in found or _done(found[i]) < want.config.train.iterations]
    going: dict[int, Job] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            total = sum(want.config.train.iterations for want in wants)
            bar = progress.add_task("iterations", total=total, completed=total - _left(wants, found, open_))
            while open_ or going:
                while open_ and len(going) < jobs:
                    i = open_.pop(0)
                    going[i] = _start(wants[i], found.get(i), command)
                    found[i] = going[i].run
                time.sleep(0.5)
                _collect(going)
                said = ", ".join(f"{job.want.name} seed {job.want.config.seed}" for job in going.values())
                done = total - _left(wants, found, range(len(wants)))
                progress.update(bar, completed=done, description=f"training {said}" if said else "trained")
    finally:
        for job in going.values():
            job.process.send_signal(signal.SIGTERM)
        for job in going.values():
            job.process.wait()
    return [found[i] for i in range(len(wants))]


def _left(wants: Sequence[Wanted], found: dict[int, Run], among: Sequence[int]) -> int:
    return sum(wants[i].config.train.iterations - (_done(found[i]) if i in found else 0) for i in among)


def _start(want: Wanted, run: Run | None, command: str) -> Job:
    run = run or runs.create(want.name, want.config, command)
    with (run.path / "log.txt").open("ab") as log:
        words = [sys.executable, "-m", "metarl", "resume", str(run.path)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, start_new_session=True)
    return Job(want, run, process)


def _collect(going: dict[int, Job]) -> None:
    """Take away what has ended."""
    for i, job in list(going.items()):
        code = job.process.poll()
        if code is None:
            continue
        del going[i]
        if code:
            log = (job.run.path / "log.txt").read_text().splitlines()
            raise UserError(f"{job.run.path} ended with exit code {code}: {log[-1] if log else 'it said nothing'}")
