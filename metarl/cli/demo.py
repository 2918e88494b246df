"""Trained policies that come with the package."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import console, no_overrides, unused
from metarl.cli.play import INSTALL, Play
from metarl.cli.record import Record

NAMES = "cheetah (by default), slope, dog or dog_rma"


@dataclass
class Demo:
    """Watch a trained policy that comes with the package: in the browser, or as a film where viser is not installed.

        metarl demo                 a GRU that finds out which way it is rewarded to run
        metarl demo slope           gradient steps on unseen slopes
        metarl demo dog --film      a robot dog that climbs stairs, as an mp4

    Each is a run folder of less than a megabyte.
    """

    name: Annotated[Positional[str], arg(help=NAMES, metavar="[NAME]", help_behavior_hint="")] = "cheetah"
    film: bool = False
    """write an mp4 below videos/ instead"""
    port: int = 8080
    """of the page; 0 takes a free one"""
    seed: int = 0
    """of the task and of the episodes"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.deploy.shipped import shipped

        run, shown = shipped(self.name)
        console.print(f"{self.name}: {shown.text}", soft_wrap=True)
        task = {f"task.{name}": value for name, value in shown.task.items()}
        if self.film or importlib.util.find_spec("viser") is None:
            if not self.film:
                console.print(f"as a film; for the browser: {INSTALL}", soft_wrap=True)
            out = unused(Path("videos") / f"{self.name}.mp4")
            return Record(run=str(run.path), split=shown.split, seed=self.seed, out=out)(task)
        return Play(run=str(run.path), split=shown.split, port=self.port, seed=self.seed)(task)
