"""The whole path in one command."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tyro.conf import Suppress

from metarl.cli.common import console
from metarl.cli.evaluate import Evaluate
from metarl.cli.plot import Plot
from metarl.cli.record import Record
from metarl.cli.train import Train
from metarl.config import files as settings
from metarl.errors import UserError


@dataclass
class Quickstart:
    """Train a cheetah that adapts and an oracle, evaluate both on unseen slopes, plot, and film it."""

    smoke: Suppress[bool] = False  # two iterations: for tests

    def __call__(self, overrides: dict[str, Any]) -> int:
        from metarl.runs import folder as runs
        from metarl.system import rendering

        with suppress(UserError):  # before mujoco is imported; where there is none, the last step says so
            rendering.choose()
        overrides |= {"train.iterations": 2, "train.episodes": 4} if self.smoke else {}
        names = ("quickstart", "quickstart_oracle")
        for name in names:
            settings.load(settings.find(name), overrides)  # a setting that does not fit both is refused before training
        for name in names:
            if code := Train(name)(overrides):
                return code
        console.rule("slopes it never saw")
        against, tasks = ("quickstart_oracle",), 8 if self.smoke else 80
        Evaluate("quickstart", "ood", tasks=tasks, after=(0, 1, 2), memory_off=True, against=against)({})
        Plot(names, runs.find("quickstart").path / "training.png")({})
        try:
            Record("quickstart")({"task.direction": 1, "task.slope_deg": 12})
        except UserError as error:
            console.print(f"no video: {error}", soft_wrap=True)
        return 0
