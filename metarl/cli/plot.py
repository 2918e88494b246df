"""Training curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import PICTURES, console, no_overrides, writable
from metarl.errors import UserError

if TYPE_CHECKING:
    from metarl.evaluation.published import PublishedResult


@dataclass
class Plot:
    """Draw the training curves of runs into one picture."""

    runs: Annotated[
        Positional[tuple[str, ...]],
        arg(help="run folders or names of configs", metavar="RUN...", help_behavior_hint=""),
    ]
    out: Path = Path("training.png")
    """the picture to write: png, svg or pdf, by its suffix"""
    published: bool = False
    """draw the published results on the same distribution too"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.reporting.plots import plot_training
        from metarl.runs import folder as runs

        if not self.runs:
            raise UserError("give at least one run to plot")
        writable(self.out, PICTURES)
        found = [runs.find(r) for r in self.runs]
        results = _published({run.config.tasks.published_as for run in found}) if self.published else ()
        plot_training(found, self.out, results)
        console.print(f"wrote {self.out}", soft_wrap=True)
        return 0


def _published(distributions: set[str | None]) -> Sequence[PublishedResult]:
    """Results of others on the one distribution of the runs; UserError where there is none."""
    from metarl.evaluation.published import ROBOTS

    name = distributions.pop() if len(distributions) == 1 else None
    if name not in ROBOTS:
        raise UserError(
            f"--published draws results on one published distribution, with its own settings: {', '.join(ROBOTS)}"
        )
    return ROBOTS[name]
