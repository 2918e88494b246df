"""What a training leaves on disk while it goes on: its log, its checkpoints, and what went wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console

from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.progress import Metrics

if TYPE_CHECKING:
    from metarl.reporting.video import TrainingVideo
    from metarl.training.trainer import Trainer

MAX_LOGGED_DIVERGED = 20  # tasks an iteration that are told; chosen


class Recorder:
    """Writes beside a training, and lets it go on where that fails.

    `metrics.jsonl`, a line an iteration; `checkpoints/`; `skipped/`, the state at the start of the first iteration in a
    row whose step was not finite; `diverged.jsonl`, the tasks of worlds that broke down; `videos/`, where the config
    asks for them.
    """

    def __init__(self, run: Run, trainer: Trainer, console: Console) -> None:
        self.run, self.trainer, self.console = run, trainer, console
        self.scores: list[float] = []  # since the latest checkpoint
        self.half_a_line = False
        self.warned: set[str] = set()
        with suppress(OSError):
            checkpoint.sweep(run.checkpoints)
        self.training_video: TrainingVideo | None = None
        if trainer.config.train.video_every:
            from metarl.reporting.video import TrainingVideo

            self.training_video = TrainingVideo(run.path / "videos", trainer.config)

    def log(self, metrics: Metrics) -> None:
        """One iteration."""
        score = metrics.get("return_after", metrics.get("return_before", -metrics.get("loss", float("inf"))))
        self.scores.append(score)
        self._append("metrics.jsonl", metrics)
        if self.trainer.diverged:
            told = {"iteration": metrics["iteration"], "tasks": self.trainer.diverged[:MAX_LOGGED_DIVERGED]}
            self._append("diverged.jsonl", told)
        if self.trainer.skipped == 1:
            self._dump()
        if self.training_video and self.trainer.iteration % self.trainer.config.train.video_every == 0:
            self._film(self.training_video)

    def _film(self, training_video: TrainingVideo) -> None:
        try:
            training_video.film(self.trainer.iteration, self.trainer.theta)
        except (OSError, RuntimeError) as error:
            self._warn("videos", f"no video of iteration {self.trainer.iteration} could be made: {error}")

    def _warn(self, name: str, said: str) -> None:
        """Once of everything that cannot be written."""
        if name not in self.warned:
            self.warned.add(name)
            self.console.print(f"{said}; training goes on", style="yellow", soft_wrap=True)

    def save(self, *, last: bool = False) -> bool:
        """A checkpoint; whether it could be written. UserError where the last one could not."""
        score = sum(self.scores) / len(self.scores) if self.scores else -float("inf")
        try:
            checkpoint.save(self.run.checkpoints, self.trainer.state._replace(score=score))
        except OSError as error:
            where = f"iteration {self.trainer.iteration} could not be saved in {self.run.checkpoints}"
            said = f"{where}: {error.strerror}"
            if last:
                raise UserError(f"{said}; make room and go on with: metarl resume {self.run.path}") from None
            self.console.print(f"{said}; training goes on", style="yellow", soft_wrap=True)
            return False
        self.scores = []
        return True

    def _append(self, name: str, record: object) -> None:
        line = ("\n" if self.half_a_line else "") + json.dumps(record) + "\n"
        try:
            with (self.run.path / name).open("a") as file:
                file.write(line)
            self.half_a_line = False
        except OSError as error:
            self.half_a_line = True
            self._warn(name, f"{self.run.path / name} could not be written: {error.strerror}")

    def _dump(self) -> None:
        """What is needed to go through the iteration again that gave no finite step."""
        state, rng_state = self.trainer.state, self.trainer.generator.clone_state()
        rng_state.set_state(self.trainer.rng_state)
        before = state._replace(iteration=state.iteration - 1, generator=rng_state)
        said = f"iteration {state.iteration} had no finite step and was left out"
        try:
            said += f"; what it started from: {checkpoint.save(self.run.path / 'skipped', before)}"
        except OSError as error:
            said += f"; what it started from could not be written: {error.strerror}"
        self.console.print(said, style="yellow", soft_wrap=True)
