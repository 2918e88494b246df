"""The loggers of a training: each goes on alone, and one that fails is off from then on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from metarl.config.experiment import Config
from metarl.config.loggers import LOGGERS, LoggedRun, Logger, Metrics
from metarl.runs.run import Run

Warn = Callable[[str, str], None]
"""Is told the name of what fails, and the problem in words."""


class Loggers:
    """Those that `train.logger` names. None of their failures gets out of here."""

    def __init__(self, run: Run, config: Config, iteration: int, warn: Warn) -> None:
        self.warn = warn
        self.open: dict[str, Logger] = {}
        logged = LoggedRun(run.path, run.name, run.title, config.model_dump(mode="json"), iteration)
        for name in config.train.logger:
            self._try(name, partial(self._start, name, logged))

    def _start(self, name: str, run: LoggedRun) -> None:
        self.open[name] = LOGGERS[name](run)

    def log(self, metrics: Metrics) -> None:
        """One iteration."""
        for name, logger in list(self.open.items()):
            self._try(name, partial(logger.log, metrics))

    def film(self, iteration: int, path: Path) -> None:
        """A clip that was recorded after this iteration."""
        for name, logger in list(self.open.items()):
            self._try(name, partial(logger.film, iteration, path))

    def close(self) -> None:
        """Write what is not written yet."""
        for name, logger in list(self.open.items()):
            self._try(name, logger.close)
        self.open = {}

    def _try(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except (Exception, SystemExit) as error:  # whatever a stranger's package does
            self.open.pop(name, None)
            self.warn(name, f"logger {name} failed and is off ({type(error).__name__}: {error})")
