"""The interval covers what it says it covers."""

from __future__ import annotations

import numpy as np

from metarl.statistics import mean_interval


def test_mean_and_interval_by_hand() -> None:
    estimate = mean_interval(np.array([1.0, 2.0, 3.0, 6.0] * 3))
    assert estimate.mean == 3.0
    assert 1.0 <= estimate.low < 3.0 < estimate.high <= 6.0


def test_coverage_is_near_95_percent() -> None:
    """500 samples of 40 normal numbers: the interval holds the true mean in 91 to 98 % of them."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(500):
        estimate = mean_interval(rng.normal(5.0, 2.0, 40))
        hits += estimate.low <= 5.0 <= estimate.high
    assert 0.91 < hits / 500 < 0.98


def test_the_same_numbers_give_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(size=10)
    assert mean_interval(values) == mean_interval(values)


def test_few_tasks_have_no_interval_and_broken_ones_do_not_count() -> None:
    estimate = mean_interval(np.array([4.0, 5.0, np.nan]))
    assert estimate.mean == 4.5
    assert estimate.to_json() == {"mean": 4.5, "low": None, "high": None}
    assert str(estimate) == "4.5"
