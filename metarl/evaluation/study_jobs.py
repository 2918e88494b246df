"""Run a study: train what is not trained yet, then evaluate it, several processes at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from metarl.config import plugins
from metarl.errors import DivergedError, UserError
from metarl.evaluation.study import PlannedRun, find_run, iterations_of
from metarl.runs import folder as runs
from metarl.runs.folder import Run

LOG = "log.txt"  # of a run
PAUSE = 0.5  # s between two looks at the processes
COLUMNS = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


class StudyEvaluation(NamedTuple):
    """How runs are evaluated: the options of `metarl compare`, and whether a run has been evaluated with them."""

    options: list[str]
    is_done: Callable[[Run], bool]


class Job(NamedTuple):
    """A training or an evaluation in a process of its own."""

    planned: PlannedRun
    run: Run
    process: subprocess.Popen[bytes]
    evaluates: bool

    @property
    def label(self) -> str:
        """How the progress bar calls it."""
        return f"{'evaluating' if self.evaluates else 'training'} {self.planned.label}"


def run_study(
    planned: Sequence[PlannedRun], evaluation: StudyEvaluation, command: str, max_jobs: int, console: Console
) -> list[Run]:
    """The runs, in the order of `planned`: each is trained to its end, then evaluated, `max_jobs` at a time.

    Ctrl-C and SIGTERM let every training save; the study continues from there when it is started again. A training that
    diverges is reported and left out. Raises UserError where all diverge, and, after the others have saved, where a
    process ends in any other way than it should.
    """
    study = _Study(planned, evaluation, command)
    with _interruptible(), Progress(*COLUMNS, console=console) as progress, study.stopped_at_the_end():
        bar = progress.add_task("starting", total=sum(p.config.train.iterations for p in planned))
        while study.is_open:
            while study.waiting and len(study.jobs) < max_jobs:
                if (job := study.start_next()) is not None:
                    progress.console.print(job.label, highlight=False)
            progress.update(bar, completed=study.iterations, description=study.label)
            time.sleep(PAUSE)
            for diverged in study.collect_ended():
                progress.console.print(f"{diverged}: training diverged, it is left out", highlight=False)
    if not study.runs:
        raise UserError(f"every training diverged: {', '.join(study.diverged)}; use smaller rates in the configs")
    return [study.runs[i] for i in range(len(planned)) if i in study.runs]


class _Study:
    """What is still to be done, what is going on, and what is there, by the index of the planned run."""

    def __init__(self, planned: Sequence[PlannedRun], evaluation: StudyEvaluation, command: str) -> None:
        self.planned, self.evaluation, self.command = planned, evaluation, command
        self.runs = {i: run for i, p in enumerate(planned) if (run := find_run(p)) is not None}
        self.waiting = list(range(len(planned)))
        self.jobs: dict[int, Job] = {}
        self.diverged: list[str] = []

    @property
    def is_open(self) -> bool:
        return bool(self.waiting or self.jobs)

    @property
    def label(self) -> str:
        return ", ".join(job.label for job in self.jobs.values())

    @property
    def iterations(self) -> int:
        """Of all trainings so far."""
        return sum(iterations_of(run) for run in self.runs.values())

    def start_next(self) -> Job | None:
        """Start what comes next for the first waiting run; None where nothing is left to do for it."""
        i = self.waiting.pop(0)
        planned, run = self.planned[i], self.runs.get(i)
        if run is None or iterations_of(run) < planned.config.train.iterations:
            run = run or runs.create(planned.name, planned.config, self.command)
            job = start_job(planned, run, ["resume", str(run.path)], evaluates=False)
        elif self.evaluation.is_done(run):
            return None
        else:
            job = start_job(planned, run, ["compare", str(run.path), *self.evaluation.options], evaluates=True)
        self.jobs[i], self.runs[i] = job, run
        return job

    def collect_ended(self) -> list[str]:
        """Let trainings that have ended wait for their evaluation; the names of those that diverged.

        Raises UserError for a process that ended with another exit code.
        """
        ended = {i: job for i, job in self.jobs.items() if job.process.poll() is not None}
        for i in ended:
            del self.jobs[i]
        for job in ended.values():
            _check_exit_code(job)
        diverged = []
        for i, job in ended.items():
            if job.process.returncode == DivergedError.exit_code:
                diverged.append(f"{job.run.path}, seed {job.planned.config.seed}")
                del self.runs[i]
            elif not job.evaluates:
                self.waiting.insert(0, i)
        self.diverged += diverged
        return diverged

    @contextmanager
    def stopped_at_the_end(self) -> Iterator[None]:
        """On exit, the processes are signalled to save and stop, and are waited for."""
        try:
            yield
        finally:
            for job in self.jobs.values():
                job.process.send_signal(signal.SIGTERM)
            for job in self.jobs.values():
                job.process.wait()


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does."""
    before = {s: signal.signal(s, _interrupt) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def start_job(planned: PlannedRun, run: Run, words: list[str], evaluates: bool) -> Job:
    """Start `metarl` with these words on one core; what it prints is appended to the run's log.txt.

    Raises UserError, before anything is written, for the training of a run that another process trains.
    """
    if not evaluates:
        with run.locked():
            pass
    with run.appended(LOG) as log:
        command = [sys.executable, "-m", "metarl", *words, *plugins.as_options()]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    return Job(planned, run, process, evaluates)


def _check_exit_code(job: Job) -> None:
    """Raise UserError unless it ended well or diverged."""
    if job.process.returncode not in (0, DivergedError.exit_code):
        last = job.run.last_line(LOG) or "its log is empty"
        raise UserError(f"{job.run.path} ended with exit code {job.process.returncode}: {last}")
