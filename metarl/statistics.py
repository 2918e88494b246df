"""Means with bootstrap intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 10_000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean over tasks and its 95 % interval; low and high are NaN for fewer than two tasks."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.0f} [{self.low:.0f}, {self.high:.0f}]"


def mean_interval(values: NDArray[np.float64]) -> Estimate:
    """Mean of one number a task [N] with the percentile bootstrap interval over tasks (Efron 1979).

    The resampling is seeded, so that the same numbers always give the same interval.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, float("nan"), float("nan"))
    result = bootstrap((values,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="percentile", rng=0)
    return Estimate(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))
