"""The interval covers what it says it covers."""

from __future__ import annotations

import numpy as np

from metarl.statistics import mean_interval


def test_mean_and_interval_by_hand() -> None:
    estimate = mean_interval(np.array([1.0, 2.0, 3.0, 6.0]))
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


def test_one_task_has_no_interval() -> None:
    estimate = mean_interval(np.array([4.0]))
    assert estimate.mean == 4.0
    assert np.isnan(estimate.low)
