"""The speed of a GPU as a table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Group
from rich.table import Table

from metarl.benchmarks.device import PARTS, Device, Measured
from metarl.evaluation.text_table import titled
from metarl.reporting.plots import plot_rates
from metarl.training.placement import usable_cores

PHASES = {
    "cpu": "our worlds, CPU",
    "bare": "bare MuJoCo Warp",
    "ours": "our worlds",
    "policy": "with the policy",
    "whole": "whole iterations",
}


def title_of(device: Device, threads: int, repeats: int) -> str:
    """Which devices were measured, and how."""
    name = torch.cuda.get_device_name() if device == "cuda" else "MuJoCo Warp on the CPU"
    return f"{name} beside {threads or usable_cores()} threads, median of {repeats}"


def table(rows: Sequence[Measured], title: str) -> Group:
    """Thousands of control steps per second, ratios to bare stepping, milliseconds of a step of our worlds, memory."""
    names = [name for name in PHASES if any(name in row.rates for row in rows)]
    parts = list(PARTS.values()) if any(row.shares for row in rows) else []
    caption = "; ".join(f"{name}: {PHASES[name]}" for name in names)
    out = Table()
    shares = [f"% {', '.join(parts)}"] if parts else []
    for header in ("robot", "worlds", "tasks", *names, "ours/bare", "policy/bare", "ms a step", "GiB", *shares):
        out.add_column(header, justify="left" if header == "robot" else "right")
    for row in rows:
        out.add_row(*_cells(row, names, bool(parts)))
    return titled(out, f"thousand control steps/s, {title}", caption)


def _cells(row: Measured, names: list[str], with_shares: bool) -> list[str]:
    rates = row.rates
    cells = [row.robot, f"{row.worlds:,}", f"{row.tasks:,}"]
    cells += [f"{rates[name] / 1e3:,.1f}" if name in rates else "" for name in names]
    cells += [f"{rates[n] / rates['bare']:.2f}" if rates.keys() >= {n, "bare"} else "" for n in ("ours", "policy")]
    cells.append(f"{1e3 * row.worlds / rates['ours']:.2f}" if "ours" in rates else "")
    cells.append("" if row.gib is None else f"{row.gib:.1f}")
    return cells + ([" ".join(f"{100 * share:.0f}" for share in row.shares.values())] if with_shares else [])


def plot(rows: Sequence[Measured], title: str, path: Path) -> None:
    """Control steps per second against the number of worlds, a panel for each robot."""
    panels = {}
    for robot in dict.fromkeys(row.robot for row in rows):
        own = [row for row in rows if row.robot == robot]
        panels[robot] = {
            label: [(r.worlds, r.rates[name]) for r in own if name in r.rates]
            for name, label in PHASES.items()
            if any(name in r.rates for r in own)
        }
    plot_rates(panels, title, path)
