"""Many learners on many distributions with many seeds: what is not trained yet is trained, side by side."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from metarl.config import files as settings
from metarl.config import schema
from metarl.errors import DivergedError, UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.runs.folder import Run

BROKE_DOWN = DivergedError.exit_code
PAUSE = 0.5  # s between two looks at what is going on


class Wanted(NamedTuple):
    """One training of a study."""

    name: str
    config: schema.Config


def wanted(
    configs: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
    steps: float | None,
    split: str,
    overrides: dict[str, Any],
) -> list[Wanted]:
    """Every config on every distribution with every seed; for `steps` environment steps each, or a little more.

    tasks: names of `metarl list tasks` or of configs whose tasks are meant; none leaves each config its own.
    """
    fixed = {"train.num_threads", *(() if steps is None else ("train.iterations",))}
    for key in fixed & overrides.keys():
        raise UserError(f"--{key} is not for a study: each training has one core, and --steps says how long it is")
    found: dict[str, Wanted] = {}
    for name in tasks or (None,):
        for config in configs:
            path = settings.find(config)
            for seed in seeds:
                changes = _tasks_of(name, path) | overrides | {"seed": seed, "train.num_threads": 1}
                made = settings.load(path, changes)
                each = steps_of_an_iteration(made, split)  # tells what is wrong before anything is trained
                if steps is not None:
                    iterations = math.ceil(steps / each)
                    made = settings.load(path, changes | {"train.iterations": iterations})
                found.setdefault(schema.without_threads(made), Wanted(path.stem, made))
    return list(found.values())


def _tasks_of(name: str | None, path: Path) -> dict[str, Any]:
    if name is None:
        return {}
    if name in settings.names() or name.endswith((".yaml", ".yml")):
        return {"tasks": settings.read_yaml(settings.find(name))["tasks"]}
    own = settings.read_yaml(path)["tasks"]
    return {"tasks": {"kind": "named", "name": name} | {k: own[k] for k in ("action_scale",) if k in own}}


def steps_of_an_iteration(config: schema.Config, split: str) -> int:
    """Environment steps, counted as if no episode ended early. Raises UserError for tasks that have no such split."""
    from metarl.training.build import build_family, build_learner

    if config.tasks.kind in schema.SUPERVISED:
        raise UserError("a study is of learners that act: for runs on images see metarl compare")
    family = build_family(config)
    if split not in family.splits():
        raise UserError(f"--split is {split}: these tasks have {', '.join(family.splits())}")
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
    return checkpoint.newest_iteration(run.checkpoints)


class StudyEvaluation(NamedTuple):
    """How runs are judged: what `metarl compare` is told, and whether a run has been judged like this."""

    words: list[str]
    is_done: Callable[[Run], bool]


class Job(NamedTuple):
    """A training or a judging that is going on in a process of its own."""

    want: Wanted
    run: Run
    process: subprocess.Popen[bytes]
    evaluates: bool


def carry_out(
    wants: Sequence[Wanted], evaluation: StudyEvaluation, command: str, jobs: int, console: Console
) -> list[Run]:
    """The runs, in the order of `wants`; those that are not at their end are trained, then judged, `jobs` at a time.

    Ctrl-C and SIGTERM let every training save; the study goes on from there when it is started again. A training whose
    learning breaks down is told and left out; UserError for what ends in another way, after the others have saved.
    """
    found = {i: run for i, want in enumerate(wants) if (run := run_of(want)) is not None}
    open_ = list(range(len(wants)))
    going: dict[int, Job] = {}
    broken: list[str] = []
    before = {s: signal.signal(s, _interrupt) for s in (signal.SIGTERM, signal.SIGHUP)}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as progress:
            total = sum(want.config.train.iterations for want in wants)
            bar = progress.add_task("starting", total=total)
            while open_ or going:
                while open_ and len(going) < jobs:
                    i = open_.pop(0)
                    job = _next_job(wants[i], found.get(i), evaluation, command)
                    if job is not None:
                        going[i], found[i] = job, job.run
                        progress.console.print(_said({i: job}), highlight=False)
                progress.update(bar, completed=total - _left(wants, found), description=_said(going))
                time.sleep(PAUSE)
                for i, job in _ended(going):
                    if job.process.returncode != BROKE_DOWN:
                        open_ = [i, *open_] if not job.evaluates else open_
                        continue
                    broken.append(f"{job.run.path}, seed {job.want.config.seed}")
                    progress.console.print(f"{broken[-1]}: learning broke down, it is left out", highlight=False)
                    del found[i]
    finally:
        for job in going.values():
            job.process.send_signal(signal.SIGTERM)
        for job in going.values():
            job.process.wait()
        for s, handler in before.items():
            signal.signal(s, handler)
    if not found:
        raise UserError(f"learning broke down in every training: {', '.join(broken)}")
    return [found[i] for i in range(len(wants)) if i in found]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _left(wants: Sequence[Wanted], found: dict[int, Run]) -> int:
    return sum(w.config.train.iterations - (_done(found[i]) if i in found else 0) for i, w in enumerate(wants))


def _said(going: dict[int, Job]) -> str:
    return ", ".join(
        f"{'judging' if j.evaluates else 'training'} {j.want.name}, seed {j.want.config.seed}" for j in going.values()
    )


def _next_job(want: Wanted, run: Run | None, evaluation: StudyEvaluation, command: str) -> Job | None:
    """What is still to be done of a run; None if nothing is."""
    if run is None or _done(run) < want.config.train.iterations:
        run = run or runs.create(want.name, want.config, command)
        return _start(want, run, ["resume", str(run.path)], False)
    if evaluation.is_done(run):
        return None
    return _start(want, run, ["compare", str(run.path), *evaluation.words], True)


def _start(want: Wanted, run: Run, words: list[str], evaluates: bool) -> Job:
    with (run.path / "log.txt").open("ab") as log:
        command = [sys.executable, "-m", "metarl", *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    return Job(want, run, process, evaluates)


def _ended(going: dict[int, Job]) -> list[tuple[int, Job]]:
    """Take away what has ended; UserError for what ended as nothing should."""
    ended = [(i, job) for i, job in going.items() if job.process.poll() is not None]
    for i, job in ended:
        del going[i]
        if job.process.returncode not in (0, BROKE_DOWN):
            log = (job.run.path / "log.txt").read_text().splitlines()
            last = log[-1] if log else "it said nothing"
            raise UserError(f"{job.run.path} ended with exit code {job.process.returncode}: {last}")
    return ended
