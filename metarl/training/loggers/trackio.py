"""Trackio: W&B's interface over a data base on this machine, or over a Space of Hugging Face."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from metarl.config.loggers import LoggedRun, Logger, Metrics


class Trackio(Logger):
    """A run of the project `metarl`, or of TRACKIO_PROJECT, with the whole config; `trackio show` shows it."""

    name, package = "trackio", "trackio"  # no extra installs it: it needs a pillow below the one that is pinned

    def __init__(self, run: LoggedRun) -> None:
        import trackio

        self.module: Any = trackio
        project = os.environ.get("TRACKIO_PROJECT", "metarl")
        self.run = trackio.init(project, name=run.name, group=run.title, config=run.config, resume="allow", embed=False)

    def log(self, metrics: Metrics) -> None:
        self.run.log(dict(metrics), step=int(metrics["iteration"]))

    def film(self, iteration: int, path: Path) -> None:
        self.run.log({"video": self.module.Video(str(path), format="mp4")}, step=iteration)

    def close(self) -> None:
        self.run.finish()


LOGGER = Trackio
