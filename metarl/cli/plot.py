"""Training curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import PICTURES, console, no_overrides, writable
from metarl.errors import UserError


@dataclass
class Plot:
    """Draw the training curves of runs into one picture."""

    runs: Annotated[
        Positional[tuple[str, ...]],
        arg(help="run folders or names of configs", metavar="RUN...", help_behavior_hint=""),
    ]
    out: Path = Path("training.png")
    """the picture to write: png, svg or pdf, by its suffix"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.reporting.plots import plot_training
        from metarl.runs import folder as runs

        if not self.runs:
            raise UserError("give at least one run to plot")
        writable(self.out, PICTURES)
        plot_training([runs.find(r) for r in self.runs], self.out)
        console.print(f"wrote {self.out}", soft_wrap=True)
        return 0
