"""Training, and going on with it."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, Suppress, arg

from metarl import __version__
from metarl.cli.common import INTERRUPTED, RUN, as_options, console, images_from, no_overrides
from metarl.cli.evaluate import Evaluate
from metarl.cli.look import Plot
from metarl.cli.record import Record
from metarl.config import files as settings
from metarl.config import schema
from metarl.distributed.launch import is_secondary_rank
from metarl.errors import DivergedError, UserError

if TYPE_CHECKING:  # torch takes a second
    from metarl.distributed.process_group import Ranks
    from metarl.runs.folder import Run


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

    run: Annotated[Positional[str], arg(help=RUN, metavar="RUN")]
    data: Path | None = None
    """of Omniglot: the packed file or its folder, by default METARL_DATA or the cache"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.distributed.process_group import process_group
        from metarl.runs import folder as runs

        with process_group() as ranks:
            if self.run.endswith(runs.BEST):
                raise UserError(f"{self.run}: a training goes on from its newest checkpoint, give it without @best")
            found = str(runs.find(self.run).path) if ranks.is_first else ""
            run = runs.Run(Path(ranks.broadcast(found.encode()).decode()))
            images_from(self.data, run.config)
            _find_renderer(run.config)
            return _go_on(run, run.config, ranks)


@dataclass
class Quickstart:
    """Train an adaptive cheetah and an oracle, evaluate both on unseen slopes, plot, and film it."""

    smoke: Suppress[bool] = False  # two iterations: for tests

    def __call__(self, overrides: dict[str, Any]) -> int:
        from metarl.runs import folder as runs
        from metarl.system import rendering as gl

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
    _find_renderer(config)
    with console.status("starting"):
        from metarl.distributed.process_group import process_group
        from metarl.runs import folder as runs
        from metarl.training.trainer import make_trainer, train

    with process_group() as ranks:
        _check_same(config, ranks)
        begun = runs.find_resumable(name, config, ranks.launch) if ranks.is_first else None
        if ranks.broadcast(b"begun" if begun else b"new") == b"begun":
            if broke_down := ranks.broadcast(begun.diverged.encode() if begun else b"").decode():
                raise DivergedError(broke_down)
            return _go_on(begun, config, ranks)
        with console.status("starting"):
            trainer = make_trainer(config, ranks=ranks)
        run = None
        if ranks.is_first:
            run = runs.create(name, config, command, ranks.launch)
            run.save_placement(trainer.placement.simulator, trainer.placement.kind)
            told = f"{run.path}\nreproduce: {command}\n{trainer.placement}{ranks}"
            console.print(told, soft_wrap=True, highlight=False)
        return 0 if train(run, trainer, console) else INTERRUPTED


def _find_renderer(config: schema.Config) -> None:
    """Before mujoco is imported, if there will be videos; UserError where there is none."""
    if config.train.video_every and not is_secondary_rank():
        from metarl.system import rendering as gl

        gl.choose()


def _check_same(config: schema.Config, ranks: Ranks) -> None:
    """UserError where processes have other settings, or another version, than the first."""
    mine = f"{__version__}\n{settings.dump(config)}".encode()
    if ranks.any(ranks.broadcast(mine) != mine):
        raise UserError("the processes have different settings or versions: give every machine the same")


def _go_on(run: Run | None, config: schema.Config, ranks: Ranks) -> int:
    """Train on from the newest checkpoint of a run, which only the first of several processes has to know."""
    from metarl.runs import checkpoint
    from metarl.training.trainer import make_trainer, train

    _check_same(config, ranks)
    state = None
    if run and ranks.is_first and any(run.checkpoints.glob("iteration_*")):
        state = checkpoint.newest(run.checkpoints)
    saved_placement = json.loads(ranks.broadcast(json.dumps(run.saved_placement if run else None).encode()))
    trainer = make_trainer(config, state, saved_placement=saved_placement, ranks=ranks)
    run = run if ranks.is_first else None
    if run:
        run.keep_records_until(trainer.state.iteration)
        where = f"resuming {run.path} at iteration {trainer.state.iteration}\n{trainer.placement}{ranks}"
        console.print(where, soft_wrap=True, highlight=False)
    return 0 if train(run, trainer, console) else INTERRUPTED
