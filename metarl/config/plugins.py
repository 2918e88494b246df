"""Modules of other people that take part: their learners, tasks, robots and variations.

They are named on the command line (`--plugin MODULE`), or by entry points of an installed package (`envs.registry`).
What a run folder holds is never imported.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path

from agents.registry import LEARNERS
from envs.robots import mjcf
from envs.robots.registry import ROBOTS
from envs.task_registry import TASKS
from envs.variations.registry import VARIATIONS
from metarl.config.loggers import LOGGERS
from metarl.config.outer_settings import OUTERS
from metarl.errors import UserError

PLUGIN, TRUST = "--plugin", "--trust-models"  # options of every command
_loaded: list[str] = []  # of this process, in the order of the command line


def load_plugins(modules: list[str]) -> None:
    """Import modules by name, from the working directory too, and take what they offer.

    Raises UserError for one that is not found, fails, or offers nothing.
    """
    from envs import named

    if modules and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for name in modules:
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:  # whatever a stranger's module does
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"--plugin {name} could not be imported as a module: {what}") from None
        try:
            taken = [registry.add(module) for registry in (LEARNERS, TASKS, OUTERS, LOGGERS, ROBOTS, VARIATIONS, named)]
        except ValueError as error:
            raise UserError(f"--plugin {name}: {error}") from None
        if not any(taken):
            offers = "Settings of a learner or of tasks, a Robot, VARIATIONS, DEFINITIONS or a LOGGER"
            raise UserError(f"--plugin {name} offers nothing: expected {offers}")
        if name not in _loaded:
            _loaded.append(name)


def loaded() -> list[str]:
    """The plugins of this process."""
    return list(_loaded)


def as_options() -> list[str]:
    """The same for a command line of another process."""
    named = [word for name in _loaded for word in (PLUGIN, name)]
    return [*named, *(word for folder in mjcf.trusted() for word in (TRUST, str(folder)))]


def resume_command(path: Path) -> str:
    """What resumes a run, in one line."""
    return shlex.join(["metarl", "resume", str(path), *as_options()])


def split_plugins(words: list[str]) -> tuple[list[str], list[str]]:
    """Take `--plugin MODULE` and `--plugin=MODULE` out of a command line."""
    return _split_option(words, PLUGIN, "the name of a module")


def trust_models(words: list[str]) -> list[str]:
    """Take `--trust-models FOLDER` out of a command line: models in that folder may name files anywhere in it.

    Raises UserError for what is no folder. Nothing but the command line can say this.
    """
    rest, folders = split_trusted(words)
    for folder in folders:
        try:
            mjcf.trust(Path(folder))
        except ValueError as error:
            raise UserError(f"{TRUST}: {error}") from None
    return rest


def split_trusted(words: list[str]) -> tuple[list[str], list[str]]:
    """Take `--trust-models FOLDER` out of a command line, without trusting anything."""
    return _split_option(words, TRUST, "a folder")


def _split_option(words: list[str], option: str, expected: str) -> tuple[list[str], list[str]]:
    rest, values = [], []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name != option:
            rest.append(word)
            continue
        value = value if equals else next(waiting, "")
        if not value:
            raise UserError(f"{option} needs {expected}")
        values.append(value)
    return rest, values
