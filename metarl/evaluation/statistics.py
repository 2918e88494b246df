"""Statistics over tasks and training seeds, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
DRAWS = 2_000  # resamples of seeds and tasks: rliable's number for comparisons (Agarwal et al. 2021)
LEVEL = 0.95
MIN_COUNT = 10  # chosen: below ten numbers the percentile bootstrap covers less than 90 % instead of 95 %
TAIL = 0.05  # fraction of the worst tasks (Greenberg et al. 2023)

Returns = NDArray[np.float64]  # [..., S, N]: training seeds, tasks
Statistic = Callable[[Returns], NDArray[np.float64]]  # [..., S, N] -> [...]


class Estimate(NamedTuple):
    """A number and its 95 % interval; low and high are NaN where there is too little data for one."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, between: str = " ", digits: int | None = None) -> str:
        """The number and, after `between`, its interval; rounded to `digits`, by default by its size."""

        def short(x: float) -> str:
            return f"{x:z.{(0 if abs(x) >= 20 else 1) if digits is None else digits}f}"

        if np.isnan(self.value):
            return "-"
        if np.isnan(self.low):
            return short(self.value)
        return f"{short(self.value)}{between}[{short(self.low)}, {short(self.high)}]"

    def to_json(self) -> dict[str, float | None]:
        """JSON in which NaN and infinity are null."""
        return {k: v if np.isfinite(v) else None for k, v in self._asdict().items()}

    @classmethod
    def from_json(cls, stored: dict[str, float | None]) -> Estimate:
        """The inverse of `to_json`. Raises ValueError or AttributeError for what is none."""
        if stored.keys() != set(cls._fields) or not all(v is None or type(v) in (int, float) for v in stored.values()):
            raise ValueError("an estimate has a value, a low and a high end")
        return cls(**{k: float("nan") if v is None else float(v) for k, v in stored.items()})


UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


def interval_note(count: int, over: str = "tasks") -> str:
    """What stands in brackets behind a number of so many tasks, or why nothing does."""
    return (
        f"95 % bootstrap interval over {over}" if count >= MIN_COUNT else f"no interval: fewer than {MIN_COUNT} tasks"
    )


def mean_interval(values: NDArray[np.float64]) -> Estimate:
    """Mean of one number a task [N] with the percentile bootstrap interval over tasks (Efron 1979).

    The resampling is seeded, so that the same numbers always give the same interval.
    """
    from scipy.stats import bootstrap  # which takes most of a second to import

    values = values[~np.isnan(values)]  # NaN: every simulation of the task diverged
    mean = float(np.mean(values)) if len(values) else float("nan")
    if len(values) < MIN_COUNT:
        return Estimate(mean, float("nan"), float("nan"))
    result = bootstrap((values,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="percentile", rng=0)
    return Estimate(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))


def mean(returns: Returns) -> NDArray[np.float64]:
    """Over seeds and tasks."""
    return np.asarray(returns.mean((-2, -1)))


def interquartile_mean(returns: Returns) -> NDArray[np.float64]:
    """Mean of the middle half of all seeds x tasks (Agarwal et al. 2021, section 4.3)."""
    from scipy.stats import trim_mean

    flat = returns.reshape(*returns.shape[:-2], -1)
    return np.asarray(trim_mean(flat, 0.25, axis=-1))


def tail_mean(returns: Returns) -> NDArray[np.float64]:
    """Mean over the worst 5 % of tasks, of each seed on its own, then over seeds: CVaR (Rockafellar and Uryasev 2000).

    Where 5 % of the tasks is not a whole number, the last one counts in part; it is never less than one task.
    """
    worst = np.sort(returns, -1)
    count = max(TAIL * returns.shape[-1], 1.0)
    weights = np.clip(count - np.arange(returns.shape[-1]), 0, 1)
    return np.asarray((worst @ weights / count).mean(-1))


def improvement(mine: Returns, theirs: Returns) -> NDArray[np.float64]:
    """Probability that a training of mine beats one of theirs on a task, the mean over tasks; a tie counts half
    (Agarwal et al. 2021, section 4.3)."""
    difference = mine[..., :, None, :] - theirs[..., None, :, :]
    return np.asarray(((difference > 0) + 0.5 * (difference == 0)).mean((-3, -2, -1)))


class Bootstrap:
    """Stratified bootstrap over tasks and training seeds, for the interval of any statistic (Agarwal et al. 2021).

    strata [N]: the stratum of each task, such as the direction; tasks are resampled within each, so that every resample
    has as many of each. The resampled tasks are the same for all learners, so that comparisons are paired.

    Seeds are resampled for each learner as whole trainings, because one policy acts in all tasks; resampling the seeds
    of every task on its own would leave out the variance between trainings. With ten seeds the coverage of such an
    interval is right; with three it is too narrow (76 % instead of 95 % where trainings vary as much as tasks), and
    with one it contains nothing of the variance between trainings.
    """

    def __init__(self, strata: NDArray[np.int64], draws: int = DRAWS) -> None:
        self._rng = np.random.default_rng(0)
        members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
        sampled = [m[self._rng.integers(len(m), size=(draws, len(m)))] for m in members]
        self._tasks = np.concatenate(sampled, 1)  # [R, N]

    def resample(self, returns: Returns) -> Returns:
        """Resampled returns, [S, N] -> [R, S, N]."""
        seeds = self._rng.integers(len(returns), size=(len(self._tasks), len(returns)))
        return returns[seeds[:, :, None], self._tasks[:, None, :]]

    def interval(self, value: float, resampled: NDArray[np.float64]) -> Estimate:
        """The value of a statistic with the percentiles of its resampled values [R]."""
        if not np.isfinite(resampled).all() or self._tasks.shape[1] < MIN_COUNT:
            return Estimate(value, float("nan"), float("nan"))
        low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Estimate(value, float(low), float(high))

    def estimate(self, returns: Returns, statistic: Statistic) -> Estimate:
        """A statistic of returns [S, N] with its interval."""
        return self.interval(float(statistic(returns)), statistic(self.resample(returns)))
