"""A run that goes on with more iterations than it was started for, or with other loggers."""

from __future__ import annotations

from pathlib import Path

from envs.wording import count_of
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.config.plugins import resume_command
from metarl.errors import UserError
from metarl.runs.folder import Run

MAX_COMMANDS = 2**20  # bytes of command.txt; chosen


def check_not_shorter(config: Config, done: int) -> None:
    """Raise UserError where a run has done more iterations already than this config asks for."""
    total = config.train.iterations
    if total < done:
        raise UserError(
            f"--train.iterations is {total}, but the run has done {done} already: give more than {done}, or train "
            "another run"
        )


def finished(done: int, path: Path) -> str:
    """That a run is finished, and how to extend it."""
    command = f"{resume_command(path)} --train.iterations {2 * done}"
    return f"{path} is finished after {count_of(done, 'iteration')}; to extend it: {command}"


def extend(run: Run, config: Config) -> None:
    """Store the new number of iterations, or new loggers, with a run, and the command that asked for them.

    Raises UserError where the folder cannot be written.
    """
    now, before = config.train, run.config.train
    changes = {"iterations": str(now.iterations), "logger": ",".join(now.logger) or "[]"}
    changed = [
        f" --train.{name} {value}" for name, value in changes.items() if getattr(now, name) != getattr(before, name)
    ]
    command = resume_command(run.path) + "".join(changed)
    try:
        run.write("command.txt", f"{_commands(run)}{command}\n")
        run.write("config.yaml", settings.dump(config))
    except OSError as error:
        raise UserError(f"{run.path} could not be written: {error.strerror}") from None
    vars(run).pop("config", None)  # which it keeps once it has read it


def _commands(run: Run) -> str:
    """What is there so far; empty where it cannot be read."""
    try:
        return run.read("command.txt", MAX_COMMANDS).decode(errors="replace")
    except (OSError, ValueError):
        return ""


def rate_after_extension(config: Config, before: int, done: int) -> str:
    """What becomes of a rate that falls over the whole training; empty where none does."""
    total = config.train.iterations
    if not config.outer.anneals or before == total:
        return ""
    old, new = (f"{max(1 - done / n, 0):.2g}" for n in (before, total))
    return (
        f"outer.lr_anneal: the rate falls to 0 over {total} iterations now, so here it goes from {old} to {new} of "
        f"outer.outer_lr; the result is not that of a training over {total} iterations from the start"
    )
