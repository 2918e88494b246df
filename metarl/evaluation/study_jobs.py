"""Run a study: train what is not trained yet, then evaluate it, several processes at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

from rich.console import Console

from metarl.errors import DivergedError, UserError
from metarl.evaluation.processes import Process, interruptible, start_process, stop_all
from metarl.evaluation.progress import ProgressDisplay
from metarl.evaluation.study import PlannedRun
from metarl.evaluation.study_evaluation import StudyEvaluation
from metarl.evaluation.study_queue import StudyQueue
from metarl.runs import folder as runs
from metarl.runs.folder import Run
from metarl.system.published import VARIABLE, published

LOG = "log.txt"  # of a run
PAUSE = 0.5  # s between two looks at the processes


class Job(NamedTuple):
    """A training or an evaluation in a process of its own."""

    planned: PlannedRun
    run: Run
    process: Process
    evaluates: bool
    progress: Path  # see `metarl.system.published`
    tunes: bool = False  # before it evaluates

    @property
    def label(self) -> str:
        """How the progress bar calls it."""
        evaluating = "tuning and evaluating" if self.tunes else "evaluating"
        return f"{evaluating if self.evaluates else 'training'} {self.planned.label}"


def run_study(
    planned: Sequence[PlannedRun], evaluation: StudyEvaluation, command: str, max_jobs: int, console: Console
) -> list[Run]:
    """The runs, in the order of `planned`: each is trained to its end, then evaluated, `max_jobs` at a time.

    Ctrl-C and SIGTERM let every training save; the study continues from there when it is started again. A training that
    diverges is reported and left out. Raises UserError where all diverge, and, after the others have saved, where a
    process ends in any other way than it should.
    """
    queue = StudyQueue(planned, evaluation)
    with (
        interruptible(),
        TemporaryDirectory() as folder,
        ProgressDisplay(console) as display,
        _Study(queue, command, Path(folder)).stopped_at_the_end() as study,
    ):
        before = queue.work_done({})
        display.expect(queue.total_work() - before)
        while study.is_open:
            while len(study.jobs) < max_jobs and (job := study.start_next()) is not None:
                display.say(job.label)
            display.reach(queue.work_done(study.stages) - before, study.label)
            time.sleep(PAUSE)
            for diverged in study.collect_ended():
                display.say(f"{diverged}: training diverged, it is left out")
    if not queue.runs:
        raise UserError(f"every training diverged: {', '.join(study.diverged)}; use smaller rates in the configs")
    return [queue.runs[i] for i in range(len(planned)) if i in queue.runs]


class _Study:
    """The processes of a study by the index of the planned run."""

    def __init__(self, queue: StudyQueue, command: str, folder: Path) -> None:
        self.queue, self.command, self.folder = queue, command, folder
        self.jobs: dict[int, Job] = {}
        self.diverged: list[str] = []

    @property
    def is_open(self) -> bool:
        return bool(self.queue.waiting or self.jobs)

    @property
    def label(self) -> str:
        return ", ".join(job.label for job in self.jobs.values())

    @property
    def stages(self) -> dict[int, float]:
        """How far each run is on which a process works: up to 1 while it is trained, up to 2 while it is evaluated."""
        return {i: job.evaluates + published(job.progress) for i, job in self.jobs.items()}

    def start_next(self) -> Job | None:
        """Start what comes next; None where nothing can be started now."""
        queue = self.queue
        if (i := queue.next()) is None:
            return None
        planned, progress = queue.planned[i], self.folder / str(i)
        progress.unlink(missing_ok=True)
        if evaluates := queue.is_trained(i):
            words = ["compare", str(queue.runs[i].path), *queue.evaluation.words(planned.config)]
        else:
            if i not in queue.runs:
                queue.runs[i] = runs.create(planned.name, planned.config, self.command)
            words = ["resume", str(queue.runs[i].path)]
        job = start_job(planned, queue.runs[i], words, evaluates, progress)
        self.jobs[i] = job._replace(tunes=evaluates and not queue.evaluation.is_tuned(job.run))
        return self.jobs[i]

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
                self.queue.leave_out(i)
            elif job.evaluates:
                self.queue.evaluated.add(i)
            else:
                self.queue.put_back(i)
        self.diverged += diverged
        return diverged

    @contextmanager
    def stopped_at_the_end(self) -> Iterator[Self]:
        """On exit, the processes are signalled to save and stop, and are waited for."""
        try:
            yield self
        finally:
            stop_all(job.process for job in self.jobs.values())


def start_job(planned: PlannedRun, run: Run, words: list[str], evaluates: bool, progress: Path) -> Job:
    """Start `metarl` with these words on one core; what it prints is appended to the run's log.txt.

    Raises UserError, before anything is written, for the training of a run that another process trains.
    """
    if not evaluates:
        with run.locked():
            pass
    with run.appended(LOG) as log:
        process = start_process(words, log, **{VARIABLE: str(progress)})
    return Job(planned, run, process, evaluates, progress)


def _check_exit_code(job: Job) -> None:
    """Raise UserError unless it ended well or diverged."""
    if job.process.returncode not in (0, DivergedError.exit_code):
        last = job.run.last_line(LOG) or "its log is empty"
        raise UserError(f"{job.run.path} ended with exit code {job.process.returncode}: {last}")
