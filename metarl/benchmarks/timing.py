"""Timing: several pieces of work measured in turn, so that all are affected alike by the state of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Phase = Callable[[], object]
"""A piece of work to be measured; its result is ignored."""

SECONDS = 0.3  # that one measurement should last at least; chosen


def median_seconds(
    phases: Mapping[str, Phase], repeats: int, calls: Mapping[str, int] | None = None
) -> dict[str, float]:
    """Median over `repeats` interleaved measurements of the seconds of one call, by name.

    calls: how many calls one measurement averages over; by default 1.
    """
    measured: dict[str, list[float]] = {name: [] for name in phases}
    for _ in range(repeats):
        for name, phase in phases.items():
            count = calls[name] if calls else 1
            start = time.perf_counter()
            for _ in range(count):
                phase()
            measured[name].append((time.perf_counter() - start) / count)
    return {name: statistics.median(seconds) for name, seconds in measured.items()}


def median_rates(phases: Mapping[str, Phase], steps: int, repeats: int) -> dict[str, int]:
    """Control steps per second of phases of `steps` steps; each is called until a measurement lasts `SECONDS`."""
    calls: dict[str, int] = {}
    for name, phase in phases.items():
        phase()  # warms up caches and threads
        start = time.perf_counter()
        phase()
        calls[name] = max(1, round(SECONDS / (time.perf_counter() - start)))
    return {name: round(steps / seconds) for name, seconds in median_seconds(phases, repeats, calls).items()}
