"""Weights & Biases: online, or in the run's folder `wandb/` with WANDB_MODE=offline."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from metarl.config.loggers import LoggedRun, Logger, Metrics
from metarl.runs.run import Run
from metarl.runs.stored import MAX_BYTES, Stored, parse
from metarl.system.folders import Folder

FOLDER, STORED = "wandb", "wandb.json"


class Identity(Stored):
    """wandb.json: by what W&B knows the run, so that a resumed training goes on in it."""

    id: Annotated[str, Field(pattern="^[a-z0-9]{16}$")]


class WandB(Logger):
    """A run of the project `metarl`, or of WANDB_PROJECT, with the whole config; runs of several seeds are a group."""

    name, package, extra = "wandb", "wandb", "wandb"

    def __init__(self, run: LoggedRun) -> None:
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")  # it takes the package `agents` for one of OpenAI's
        import wandb

        self.module: Any = wandb
        with Folder.opened(run.path / FOLDER, own=2, make=True):  # which is no link, and neither is the run's
            pass
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "metarl"),
            name=run.name,
            group=run.title,
            config=run.config,
            dir=str(run.path),
            id=identity_of(Run(run.path)),
            resume="allow",
            settings=wandb.Settings(console="off", silent=True),  # the terminal shows the training's own progress
        )
        self.run.define_metric("iteration")
        self.run.define_metric("*", step_metric="iteration")  # W&B's own step never goes back, a resumed training may

    def log(self, metrics: Metrics) -> None:
        self.run.log(dict(metrics))

    def film(self, iteration: int, path: Path) -> None:
        self.run.log({"iteration": iteration, "video": self.module.Video(str(path), format="mp4")})

    def close(self) -> None:
        self.run.finish()


def identity_of(run: Run) -> str:
    """The one that the run's folder holds, or a new one, which is stored there."""
    try:
        return parse(Identity, run.read(STORED, MAX_BYTES)).id
    except FileNotFoundError:
        new = Identity(id=secrets.token_hex(8))
        run.write(STORED, new.model_dump_json())
        return new.id


LOGGER = WandB
