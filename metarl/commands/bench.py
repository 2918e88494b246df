"""Speed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl import config as settings
from metarl.commands.common import (
    console,
    no_overrides,
    positive,
    within,
)
from metarl.errors import UserError


@dataclass
class Bench:
    """Measure speed against bare physics and against other vectorisations, side by side in one run.

    metarl bench sim                        every body, at 64 and 800 worlds
    metarl bench sim --config quickstart    one config's family, also with its policy acting
    metarl bench learn                      whole iterations against bare simulation, RL^2 against recurrent PPO
    metarl bench fewshot                    MAML against a loop over tasks, a learner against its bare network
    """

    what: Annotated[
        Positional[Literal["sim", "learn", "fewshot"]],
        arg(help="sim: stepping worlds; learn: learning to act; fewshot: learning from images"),
    ] = "sim"
    config: str | None = None
    """measure this config's family alone"""
    worlds: tuple[int, ...] = (64, 800)
    """how many worlds run side by side"""
    repeats: int = 5
    """measurements of each way; the median is reported"""
    threads: int = 0
    """0 for every core"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        positive(repeats=self.repeats, worlds=min(self.worlds, default=0))
        within("threads", self.threads, 0, 1024)
        if self.config is None:
            no_overrides(overrides)
        config = settings.load(settings.find(self.config), overrides) if self.config else None
        if self.what != "sim":
            return self._learning(self.what)
        from metarl import bench

        with console.status("measuring"):
            if config is None:
                rows = bench.bench_bodies(list(self.worlds), self.repeats, self.threads)
            else:
                rows = [bench.bench_simulation(config, size, self.repeats, self.threads) for size in self.worlds]
        if self.json:
            print(json.dumps({"rows": rows, "versions": bench.versions()}, indent=1))
        else:
            console.print(bench.table(rows, self.threads, self.repeats))
        return 0

    def _learning(self, what: str) -> int:
        if self.config is not None or self.worlds != (64, 800):
            raise UserError(f"bench {what} has tasks of its own: --config and --worlds are for bench sim")
        from metarl import bench_fewshot, bench_learn

        measure, tables = {
            "fewshot": (bench_fewshot.bench_fewshot, bench_fewshot.tables),
            "learn": (bench_learn.bench_learn, bench_learn.tables),
        }[what]
        with console.status("measuring"):
            found = measure(self.repeats, self.threads)
        if self.json:
            print(json.dumps(found, indent=1))
        else:
            for table in tables(found, self.threads, self.repeats):
                console.print(table)
        return 0
