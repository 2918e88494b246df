"""Runs side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl.commands.common import Split, console, images_from, no_overrides, within, writable
from metarl.errors import UserError


@dataclass
class Compare:
    """Put runs on images into one table, on the same unseen episodes, with what is published beside it.

    Runs that differ in nothing but their seed are one row. What was evaluated before is read from the run's folder.
    """

    runs: Annotated[Positional[tuple[str, ...]], arg(help="run folders or names of configs", metavar="RUN...")]
    split: Split = "test"
    """train, validation or test"""
    tasks: int = 1000
    """how many episodes of each way and shot"""
    ways: tuple[int, ...] = (5, 20)
    """classes of a task; learners whose last layer has a place for each class have their own number"""
    shots: tuple[int, ...] = (1, 5)
    """support drawings of a class"""
    bn: Literal["transductive", "support", "support+1", "running"] | None = None
    """which statistics normalise, by default each config's"""
    seed: int = 0
    """of the episodes"""
    data: Path | None = None
    """of Omniglot: the packed file or its folder, by default METARL_DATA or the cache"""
    out: Path | None = None
    """a Markdown file to write"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        if not self.runs:
            raise UserError("give at least one run to compare")
        within("tasks", self.tasks, 2, 1_000_000)
        within("seed", self.seed, 0, 2**31 - 1)
        if not self.shots or min(self.shots) < 1 or not self.ways or min(self.ways) < 2:
            raise UserError("--ways wants numbers of at least 2 classes, and --shots of at least 1 drawing")
        if self.out:
            writable(self.out, (".md",))
        from metarl import compare, runs

        found = [runs.find(r) for r in self.runs]
        images_from(self.data, found[0].config)
        with console.status("evaluating"):
            rows = compare.compare(found, self.split, self.ways, self.shots, self.tasks, self.seed, self.bn)
        tables = [t for t in (compare.lines_of(rows), compare.lines_of_presentations(rows)) if t]
        if self.out:
            self.out.write_text("\n".join(t.to_markdown() for t in tables))
        if self.json:
            print(json.dumps([row.to_json() for row in rows], indent=1))
            return 0
        for table in tables:
            console.print(table.to_terminal())
        if self.out:
            console.print(f"wrote {self.out}", soft_wrap=True)
        return 0
