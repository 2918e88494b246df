"""Training, and going on with it."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, Suppress, arg

from metarl import config as settings
from metarl import schema
from metarl.commands.common import (
    INTERRUPTED,
    RunArg,
    as_options,
    console,
    images_from,
    no_overrides,
)
from metarl.commands.evaluate import Evaluate
from metarl.commands.look import Plot
from metarl.commands.record import Record
from metarl.errors import UserError


@dataclass
class Train:
    """Train a config; any setting is changed by --section.key VALUE (for example --learner.inner_lr 0.2)."""

    config: Annotated[Positional[str], arg(help="a shipped config's name, or a path", metavar="CONFIG")]
    seed: int | None = None
    """of everything that is drawn; by default the config's"""
    data: Path | None = None
    """of Omniglot: the packed file or its folder, by default METARL_DATA or the cache (see `metarl data`)"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        overrides = overrides | ({} if self.seed is None else {"seed": self.seed})
        path = settings.find(self.config)
        config = settings.load(path, overrides)
        images_from(self.data, config)
        where = [] if self.data is None else [f"--data {shlex.quote(str(self.data))}"]
        command = " ".join(["metarl train", shlex.quote(self.config), *as_options(overrides), *where])
        return _train(path.stem, config, command)


@dataclass
class Resume:
    """Go on with a run that was stopped, from its newest checkpoint, or from the start where there is none."""

    run: RunArg
    data: Path | None = None
    """of Omniglot: the packed file or its folder, by default METARL_DATA or the cache"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl import checkpoint, runs
        from metarl.train import train, trainer_of

        run = runs.find(self.run)
        images_from(self.data, run.config)
        begun = any(run.checkpoints.glob("iteration_*"))
        state = checkpoint.newest(run.checkpoints) if begun else None
        trainer = trainer_of(run.config, state, placed=run.placed)
        run.keep_records_until(trainer.state.iteration)
        where = f"resuming {run.path} at iteration {trainer.state.iteration}\n{trainer.placement}"
        console.print(where, soft_wrap=True, highlight=False)
        return 0 if train(run, trainer, console) else INTERRUPTED


@dataclass
class Quickstart:
    """Train an adaptive cheetah and an oracle, evaluate both on unseen slopes, plot, and film it."""

    smoke: Suppress[bool] = False  # two iterations: for tests

    def __call__(self, overrides: dict[str, Any]) -> int:
        from metarl import gl, runs

        with suppress(UserError):  # before mujoco is imported; where there is none, the last step says so
            gl.choose()
        overrides |= {"train.iterations": 2, "train.episodes": 4} if self.smoke else {}
        names = ("quickstart", "quickstart_oracle")
        for name in names:
            settings.load(settings.find(name), overrides)  # a setting that does not suit both is said before training
        for name in names:
            if code := Train(name)(overrides):
                return code
        console.rule("slopes it never saw")
        Evaluate("quickstart", "ood", tasks=8 if self.smoke else 80, against=("quickstart_oracle",))({})
        Plot(names, runs.find("quickstart").path / "training.png")({})
        try:
            Record("quickstart")({"task.direction": 1, "task.slope_deg": 12})
        except UserError as error:
            console.print(f"no video: {error}", soft_wrap=True)
        return 0


def _train(name: str, config: schema.Config, command: str) -> int:
    with console.status("starting"):
        from metarl import runs
        from metarl.train import train, trainer_of

        trainer = trainer_of(config)
        run = runs.create(name, config, command)
        run.keep_place(trainer.placement.simulator, trainer.placement.device.partition(":")[0])
    console.print(f"{run.path}\nreproduce: {command}\n{trainer.placement}", soft_wrap=True, highlight=False)
    return 0 if train(run, trainer, console) else INTERRUPTED
