"""Means with bootstrap intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 10_000
LEVEL = 0.95
FEWEST = 10  # chosen: below ten numbers the percentile bootstrap covers less than 90 % instead of 95 %


class Estimate(NamedTuple):
    """A mean over tasks and its 95 % interval; low and high are NaN where there are too few tasks for one."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.low):
            return _short(self.mean)
        return f"{_short(self.mean)} [{_short(self.low)}, {_short(self.high)}]"

    def to_json(self) -> dict[str, float | None]:
        return {k: None if np.isnan(v) else v for k, v in self._asdict().items()}


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.1f}"


def mean_interval(values: NDArray[np.float64]) -> Estimate:
    """Mean of one number a task [N] with the percentile bootstrap interval over tasks (Efron 1979).

    The resampling is seeded, so that the same numbers always give the same interval.
    """
    values = values[~np.isnan(values)]  # tasks in which every world broke down
    mean = float(np.mean(values)) if len(values) else float("nan")
    if len(values) < FEWEST:
        return Estimate(mean, float("nan"), float("nan"))
    result = bootstrap((values,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="percentile", rng=0)
    return Estimate(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))
