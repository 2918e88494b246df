"""Modules of other people that take part: their learners, tasks, robots and variations.

They are named on the command line (`--plugin MODULE`), or by entry points of an installed package (`envs.registry`).
What a run folder holds is never imported.
"""

from __future__ import annotations

import importlib
import os
import sys

from agents.registry import LEARNERS
from envs.robots.registry import ROBOTS
from envs.task_registry import TASKS
from envs.variations.registry import VARIATIONS
from metarl.config.outer_settings import OUTERS
from metarl.errors import UserError

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
            taken = [registry.add(module) for registry in (LEARNERS, TASKS, OUTERS, ROBOTS, VARIATIONS, named)]
        except ValueError as error:
            raise UserError(f"--plugin {name}: {error}") from None
        except ImportError as error:
            raise UserError(f"--plugin {name} could not be imported: {error}") from None
        if not any(taken):
            offers = "Settings of a learner or of tasks, a Robot, VARIATIONS or DEFINITIONS"
            raise UserError(f"--plugin {name} offers nothing: expected {offers}")
        _loaded.append(name)


def loaded() -> list[str]:
    """The plugins of this process."""
    return list(_loaded)


def as_options() -> list[str]:
    """The same for a command line of another process."""
    return [word for name in _loaded for word in ("--plugin", name)]


def split_plugins(words: list[str]) -> tuple[list[str], list[str]]:
    """Take `--plugin MODULE` and `--plugin=MODULE` out of a command line."""
    rest, modules = [], []
    waiting = iter(words)
    for word in waiting:
        option, equals, value = word.partition("=")
        if option != "--plugin":
            rest.append(word)
            continue
        value = value if equals else next(waiting, "")
        if not value:
            raise UserError("--plugin needs the name of a module")
        modules.append(value)
    return rest, modules
