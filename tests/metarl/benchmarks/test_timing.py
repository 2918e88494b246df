"""Measurements are interleaved, and repeated calls are averaged."""

from __future__ import annotations

import time

import pytest

from metarl.benchmarks import timing


def test_phases_take_turns() -> None:
    order: list[str] = []
    phases = {name: lambda name=name: order.append(name) for name in "ab"}
    timing.median_seconds(phases, 2, {"a": 2, "b": 1})
    assert "".join(order) == "aabaab"


def test_rates_are_steps_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 steps that take 10 ms: 10,000 a second at most."""
    monkeypatch.setattr(timing, "SECONDS", 0.02)
    rates = timing.median_rates({"sleep": lambda: time.sleep(0.01)}, 100, 3)
    assert 2_000 < rates["sleep"] <= 10_000
