"""What a training leaves on disk: its log, its checkpoints, and what went wrong."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rich.console import Console

from agents.learner import Params
from metarl.config.loggers import Metrics
from metarl.config.plugins import resume_command
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.logged import Loggers
from metarl.training.trainer import Trainer

MAX_LOGGED_DIVERGED = 20  # tasks an iteration; chosen


class Video(Protocol):
    """Films a policy while it is trained (`metarl.reporting.video.TrainingVideo`)."""

    def film(self, iteration: int, theta: Params) -> Path:
        """Write a clip. OSError or RuntimeError where that fails."""


def score_of(metrics: Metrics) -> float:
    """By what a training is judged while it runs, larger for better: return, else the loss; -inf of a skipped step."""
    return metrics.get("return_after", metrics.get("return_before", -metrics.get("loss", math.inf)))


class Recorder:
    """Writes beside a training, and lets it go on where writing fails.

    `metrics.jsonl`: a line an iteration. `checkpoints/`. `skipped/`: the state at the start of the first iteration in a
    row whose step was not finite. `diverged.jsonl`: the tasks of worlds whose simulation diverged. `videos/`: clips,
    every `train.video_every` iterations, where there is a `video`. The loggers of `train.logger` get the same.
    """

    def __init__(self, run: Run, trainer: Trainer, console: Console, video: Video | None = None) -> None:
        self.run, self.trainer, self.console, self.video = run, trainer, console, video
        self.scores: list[float] = []  # since the latest checkpoint
        self.half_a_line = False
        self.warned: set[str] = set()
        self.loggers = Loggers(run, trainer.config, trainer.iteration, self._warn)
        with suppress(OSError):
            checkpoint.sweep(run.checkpoints, trainer.iteration)
        with suppress(OSError):
            run.sweep()

    def log(self, metrics: Metrics) -> None:
        """One iteration."""
        self.scores.append(score_of(metrics))
        self._append("metrics.jsonl", metrics)
        self.loggers.log(metrics)
        if self.trainer.diverged:
            tasks = self.trainer.diverged[:MAX_LOGGED_DIVERGED]
            self._append("diverged.jsonl", {"iteration": metrics["iteration"], "tasks": tasks})
        if self.trainer.skipped == 1:
            self._keep_skipped()
        if self.video and self.trainer.iteration % self.trainer.config.train.video_every == 0:
            self._film(self.video)

    def _film(self, video: Video) -> None:
        try:
            path = video.film(self.trainer.iteration, self.trainer.theta)
        except (OSError, RuntimeError) as error:
            self._warn("videos", f"no video of iteration {self.trainer.iteration} could be made: {error}")
            return
        self.loggers.film(self.trainer.iteration, path)

    def close(self) -> None:
        """Nothing more is logged."""
        self.loggers.close()

    def _warn(self, name: str, problem: str) -> None:
        """Once of everything that cannot be written."""
        if name not in self.warned:
            self.warned.add(name)
            self.console.print(f"{problem}; training goes on", style="yellow", soft_wrap=True)

    def save(self, *, last: bool = False) -> bool:
        """A checkpoint; whether it could be written. UserError where the last one could not."""
        score = sum(self.scores) / len(self.scores) if self.scores else -math.inf
        try:
            checkpoint.save(self.run.checkpoints, self.trainer.state._replace(score=score))
        except OSError as error:
            where = f"iteration {self.trainer.iteration} could not be saved in {self.run.checkpoints}"
            problem = f"{where}: {error.strerror}"
            if last:
                raise UserError(f"{problem}; make room and resume with: {resume_command(self.run.path)}") from None
            self.console.print(f"{problem}; training goes on", style="yellow", soft_wrap=True)
            return False
        self.scores = []
        return True

    def _append(self, name: str, record: object) -> None:
        line = ("\n" if self.half_a_line else "") + json.dumps(record) + "\n"
        try:
            with self.run.appended(name) as file:
                file.write(line.encode())
            self.half_a_line = False
        except OSError as error:
            self.half_a_line = True
            self._warn(name, f"{self.run.path / name} could not be written: {error.strerror}")

    def _keep_skipped(self) -> None:
        """What is needed to repeat the iteration that gave no finite step."""
        state, generator = self.trainer.state, self.trainer.generator.clone_state()
        generator.set_state(self.trainer.rng_state)
        before = state._replace(iteration=state.iteration - 1, generator=generator)
        message = f"iteration {state.iteration} had no finite step and was left out"
        try:
            message += f"; its start is kept in {checkpoint.save(self.run.path / 'skipped', before)}"
        except OSError as error:
            message += f"; its start could not be written: {error.strerror}"
        self.console.print(message, style="yellow", soft_wrap=True)
