"""The training loop: iterate, log, save, stop on request."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType

import torch
from rich.console import Console

from envs.wording import count_of
from metarl.config.loggers import Metrics, check_installed
from metarl.config.plugins import resume_command
from metarl.errors import DivergedError, UserError
from metarl.runs.folder import Run
from metarl.training.progress import TrainingDisplay, span
from metarl.training.recorder import Recorder, Video
from metarl.training.trainer import Trainer


def train(
    run: Run | None,
    trainer: Trainer,
    console: Console,
    video: Video | None = None,
    gives_up: Callable[[Metrics], bool] = lambda metrics: False,
) -> bool:
    """Train to the end of the config, or until a stop request; True at the end.

    video: films every `train.video_every` iterations; UserError where the config asks for that and there is none.
    gives_up: is told every iteration, and says whether training stops there, as at a request.

    Of several processes all stop where one gets the request, and only the first has a `run` to write to. Where
    something cannot be written, training goes on with a warning; UserError where that is so at the end, and where a
    logger's package is not installed.
    """
    if run and trainer.config.train.video_every and video is None:
        raise UserError("train.video_every asks for videos: give `train` a metarl.reporting.video.TrainingVideo")
    if run:
        check_installed(trainer.config.train.logger)
    total = trainer.config.train.iterations
    start = saved = trainer.iteration
    metrics: Metrics = {}
    with (
        run.held() if run else nullcontext(),
        _stop_requests() as stop,
        TrainingDisplay(run.name if run else "", total, start, console) as display,
        _recorder(run, trainer, console, video) as recorder,
    ):
        if recorder and start == 0 and trainer.config.train.init_from:
            recorder.save()  # by the time it is resumed, the name may stand for another run
        while trainer.iteration < total and not trainer.ranks.any(bool(stop)):
            metrics = _iterate(run, trainer)
            if recorder:
                recorder.log(metrics)
            display.update(metrics)
            if gives_up(metrics):
                stop.append(0)
            if trainer.iteration % trainer.config.train.checkpoint_every == 0:
                trainer.synchronize()
                if not recorder or recorder.save():
                    saved = trainer.iteration
        if recorder and trainer.iteration > saved:
            recorder.save(last=True)
    finished = trainer.iteration >= total
    if run is not None:
        _conclude(run, trainer, metrics, finished, console)
    return finished


@contextmanager
def _recorder(run: Run | None, trainer: Trainer, console: Console, video: Video | None) -> Iterator[Recorder | None]:
    """Closed at the end, however that comes; None where there is no run to write to."""
    recorder = Recorder(run, trainer, console, video) if run else None
    try:
        yield recorder
    finally:
        if recorder:
            recorder.close()


def _iterate(run: Run | None, trainer: Trainer) -> Metrics:
    """One iteration; that training diverged is left in the run's folder."""
    try:
        return _within_memory(trainer)
    except DivergedError as error:
        with suppress(OSError):
            if run:
                run.write("diverged.txt", str(error))
        raise


def _conclude(run: Run, trainer: Trainer, metrics: Metrics, finished: bool, console: Console) -> None:
    if finished and "gpu_gib" in metrics:
        console.print(f"{metrics['gpu_gib']:.1f} GiB of the GPU's memory in use")
    if finished:
        total = trainer.config.train.iterations
        console.print(f"trained {count_of(total, 'iteration')}, {span(trainer.seconds)}: {run.path}", soft_wrap=True)
    else:
        console.print(f"stopped and saved; resume with: {resume_command(run.path)}", soft_wrap=True)


def _within_memory(trainer: Trainer) -> Metrics:
    """An iteration, and how much of a GPU's memory is in use; UserError where that is too small."""
    device = trainer.placement.device
    try:
        metrics = trainer.iterate()
    except torch.OutOfMemoryError:
        raise UserError(
            f"the memory of {device} is too small for this meta-batch: lower train.num_tasks or train.episodes, or "
            "raise outer.minibatches of a learner with a memory"
        ) from None
    if not device.startswith("cuda"):
        return metrics
    free, total = torch.cuda.mem_get_info(device)  # torch gives nothing back, simulators keep what they have
    return metrics | {"gpu_gib": round((total - free) / 2**30, 3)}


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM instead of ending at once; a second Ctrl-C interrupts."""
    requests: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if requests and number == signal.SIGINT:
            raise KeyboardInterrupt
        requests.append(number)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
