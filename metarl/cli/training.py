"""What train, resume and quickstart share: a run is started, or resumed from its newest checkpoint."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING

from metarl import __version__
from metarl.cli.common import INTERRUPTED, console
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.config.loggers import check_installed
from metarl.distributed.launch import is_secondary_rank
from metarl.errors import DivergedError, UserError

if TYPE_CHECKING:  # torch takes a second
    from metarl.distributed.process_group import Ranks
    from metarl.runs.folder import Run
    from metarl.training.recorder import Video


def start(name: str, config: Config, command: str) -> int:
    """Train a new run, or resume the one that these processes are started again for; the exit code."""
    prepare(config)
    with console.status("starting"):
        from metarl.distributed.process_group import process_group
        from metarl.runs import folder as runs
        from metarl.training.estimate import replay_note
        from metarl.training.loop import train
        from metarl.training.make import make_trainer

    with process_group() as ranks:
        _check_same(config, ranks)
        begun = runs.find_resumable(name, config, ranks.launch) if ranks.is_first else None
        if ranks.broadcast(b"begun" if begun else b"new") == b"begun":
            if problem := ranks.broadcast(begun.diverged.encode() if begun else b"").decode():
                raise DivergedError(problem)
            return resume(begun, config, ranks)
        with console.status("starting"):
            trainer = make_trainer(config, ranks=ranks)
        run = None
        if ranks.is_first:
            run = runs.create(name, config, command, ranks.launch)
            run.save_placement(trainer.placement.simulator, trainer.placement.kind)
            summary = f"{run.path}\nreproduce: {command}\n{trainer.placement}{ranks}"
            summary += replay_note(config, trainer.family.space)
            console.print(summary, soft_wrap=True, highlight=False)
        return 0 if train(run, trainer, console, _video(run, config)) else INTERRUPTED


def prepare(config: Config) -> None:
    """Before mujoco is imported: the renderer of videos, and whether loggers are installed; UserError where not."""
    if is_secondary_rank():
        return
    check_installed(config.train.logger)
    if config.train.video_every:
        from metarl.system import rendering

        rendering.choose()


def _check_same(config: Config, ranks: Ranks) -> None:
    """UserError where processes have other settings, or another version, than the first."""
    mine = f"{__version__}\n{settings.dump(config)}".encode()
    if ranks.any(ranks.broadcast(mine) != mine):
        raise UserError("the processes have different settings or versions: give every machine the same")


def resume(run: Run | None, config: Config, ranks: Ranks) -> int:
    """Resume from the newest checkpoint of a run, which only the first of several processes has to know.

    The run is locked before anything in its folder is touched.
    """
    _check_same(config, ranks)
    with run.locked() if run and ranks.is_first else nullcontext():
        return _resume(run, config, ranks)


def _resume(run: Run | None, config: Config, ranks: Ranks) -> int:
    from metarl.runs import checkpoint
    from metarl.runs.extension import check_not_shorter, finished
    from metarl.training.loop import train
    from metarl.training.make import make_trainer

    state = None
    if run:
        run.check_model()
    if run and ranks.is_first and run.has_checkpoints:
        state = checkpoint.newest(run.checkpoints)
    saved_placement = json.loads(ranks.broadcast(json.dumps(run.saved_placement if run else None).encode()))
    trainer = make_trainer(config, state, saved_placement=saved_placement, ranks=ranks)
    check_not_shorter(config, trainer.iteration)
    if trainer.iteration == config.train.iterations:
        if run:
            console.print(finished(trainer.iteration, run.path), soft_wrap=True, highlight=False)
        return 0
    run = run if ranks.is_first else None
    if run:
        if config != run.config:
            _extend(run, config, trainer.iteration)
        run.keep_records_until(trainer.iteration)
        where = f"resuming {run.path} at iteration {trainer.iteration}\n{trainer.placement}{ranks}"
        console.print(where, soft_wrap=True, highlight=False)
    return 0 if train(run, trainer, console, _video(run, config)) else INTERRUPTED


def _extend(run: Run, config: Config, done: int) -> None:
    """Store that a run is to have another number of iterations, and say what that does to its rates."""
    from metarl.runs.extension import extend, rate_after_extension

    said = rate_after_extension(config, run.config.train.iterations, done)
    extend(run, config)
    if said:
        console.print(said, soft_wrap=True, highlight=False)


def _video(run: Run | None, config: Config) -> Video | None:
    """What films while the first process trains, where the config asks for that."""
    if run is None or not config.train.video_every:
        return None
    from metarl.reporting.video import TrainingVideo

    return TrainingVideo(run.path / "videos", config)
