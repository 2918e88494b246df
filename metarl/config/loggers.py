"""Loggers: programs that show a training beside `metrics.jsonl`, chosen by `train.logger`.

A file of `metarl.training.loggers`, or of another package (entry points `metarl.loggers`), offers a subclass of
`Logger` as `LOGGER`. It imports what it needs in its methods, so that all can be listed without any.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from envs.registry import Registry
from metarl.errors import UserError

Metrics = dict[str, float]
"""What an iteration logs, by name."""


class LoggedRun(NamedTuple):
    """A run as a logger sees it; `iteration` is the one after which it logs: 0, or that of the checkpoint.

    title: what runs of other seeds share. config: all settings, as they stand in JSON.
    """

    path: Path
    name: str
    title: str
    config: dict[str, Any]
    iteration: int = 0


class Logger:
    """Sends what a training logs to one program. Whatever a method raises turns the logger off, not the training.

    name: as in `train.logger`. package: the module that it needs. extra: what installs it, empty where no extra does.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str] = ""

    def __init__(self, run: LoggedRun) -> None:
        raise NotImplementedError

    def log(self, metrics: Metrics) -> None:
        """One iteration, as a line of `metrics.jsonl` holds it."""
        raise NotImplementedError

    def film(self, iteration: int, path: Path) -> None:
        """A clip of the training, an MP4 file."""

    def close(self) -> None:
        """Write what is not written yet. It is called once, also where training fails."""


LOGGERS: Registry[type[Logger]] = Registry(
    "logger",
    "metarl.training.loggers",
    "LOGGER",
    lambda logger: logger.name,
    "metarl.loggers",
    Logger,
)


def check_installed(names: Iterable[str]) -> None:
    """Raise UserError for a logger whose package is missing."""
    for name in names:
        logger = LOGGERS[name]
        if find_spec(logger.package) is None:
            what = f"-e '.[{logger.extra}]'" if logger.extra else logger.package
            raise UserError(f"train.logger names {name}, and {logger.package} is not installed: pip install {what}")


def flattened(config: dict[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Settings by their keys on the command line, such as `outer.outer_lr`; lists as text."""
    found: dict[str, bool | int | float | str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found |= flattened(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
