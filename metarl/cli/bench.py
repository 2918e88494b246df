"""Speed."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import PICTURES, console, no_overrides, positive, within, writable
from metarl.config import files as settings
from metarl.errors import UserError
from metarl.system.doctor import GPU

WORLDS = (64, 800)


@dataclass
class Bench:
    """Measure speed against bare physics and against other vectorisations, side by side in one run.

        metarl bench sim                        every body, at 64 and 800 worlds
        metarl bench sim --config quickstart    one config's family, also with its policy acting
        metarl bench learn                      whole iterations against bare simulation, RL^2 against recurrent PPO
        metarl bench fewshot                    MAML against a loop over tasks, a learner against its bare network
        metarl bench learn --device cuda        on a GPU: bare stepping, our worlds, the policy, whole iterations

    Rates are control steps per second: the median of --repeats measurements, in which all ways take turns.
    """

    what: Annotated[
        Positional[Literal["sim", "learn", "fewshot"]],
        arg(help="sim: stepping worlds; learn: learning to act; fewshot: learning from images"),
    ] = "sim"
    config: str | None = None
    """measure this config's family alone"""
    worlds: tuple[int, ...] = ()
    """how many worlds run side by side; by default 64 and 800, on a GPU 1024 to 65536"""
    device: Literal["cpu", "cuda", "warp"] = "cpu"
    """of sim and learn: CPU threads, a GPU, or MuJoCo Warp on the CPU, to check that it runs"""
    plot: Path | None = None
    """of a GPU: a plot of speed against the number of worlds"""
    repeats: int = 5
    """measurements of each way; the median is reported"""
    threads: int = 0
    """0 for every core"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        positive(repeats=self.repeats, worlds=min(self.worlds, default=1))
        within("threads", self.threads, 0, 1024)
        if self.device != "cpu":
            return self._on_device(self.device, overrides)
        if self.plot is not None:
            raise UserError("--plot is for --device cuda")
        if self.config is None:
            no_overrides(overrides)
        config = settings.load(settings.find(self.config), overrides) if self.config else None
        if self.what != "sim":
            return self._learning(self.what)
        from metarl.benchmarks import simulation as bench

        with console.status("measuring"):
            if config is None:
                rows = bench.bench_bodies(list(self.worlds or WORLDS), self.repeats, self.threads)
            else:
                sizes = self.worlds or WORLDS
                rows = [bench.bench_simulation(config, size, self.repeats, self.threads) for size in sizes]
        if self.json:
            print(json.dumps({"rows": rows, "versions": bench.versions()}, indent=1))
        else:
            console.print(bench.table(rows, self.threads, self.repeats))
        return 0

    def _on_device(self, device: Literal["cuda", "warp"], overrides: dict[str, Any]) -> int:
        if self.what == "fewshot":
            raise UserError("--device is for bench sim and bench learn")
        if self.plot is not None:
            writable(self.plot, PICTURES, "--plot")
        if not importlib.util.find_spec("mujoco_warp"):
            raise UserError(f"mujoco-warp is not installed: {GPU}")
        from metarl.benchmarks import device as bench_device
        from metarl.benchmarks import device_report, simulation

        overrides = overrides | {"train.num_threads": self.threads}
        with console.status("measuring") as status:
            rows = bench_device.bench_device(
                self.config,
                overrides,
                self.worlds or bench_device.WORLDS,
                self.repeats,
                device,
                learning=self.what == "learn",
                tell=status.update,
            )
        title = device_report.title_of(device, self.threads, self.repeats)
        pays = bench_device.pays_from(rows)
        if self.plot is not None:
            device_report.plot(rows, title, self.plot)
        if self.json:
            found = {"rows": [row._asdict() for row in rows], "pays_from": pays, "title": title}
            print(json.dumps(found | {"versions": simulation.versions()}, indent=1))
            return 0
        console.print(device_report.table(rows, title))
        for robot, worlds in pays.items():
            where = "at none of these" if worlds is None else f"from {worlds:,} on"
            console.print(f"{robot}: faster than all threads {where}")
        return 0

    def _learning(self, what: str) -> int:
        if self.config is not None or self.worlds:
            raise UserError(f"bench {what} has tasks of its own: --config and --worlds are for bench sim")
        from metarl.benchmarks import fewshot as bench_fewshot
        from metarl.benchmarks import learning as bench_learn

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
