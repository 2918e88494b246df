"""What each learner of a comparison reaches, in numbers with intervals.

Axes: `S` training seeds, `N` tasks, `R` resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core import TaskDistribution
from metarl.evaluation import statistics
from metarl.evaluation.comparison_entries import Entry
from metarl.evaluation.statistics import UNKNOWN, Bootstrap, Estimate, Returns, interquartile_mean

MIN_STRATUM = 5  # chosen: of single tasks nothing can be resampled
MAX_CHOICES = 8  # of a parameter up to which they are strata; more are as good as a range
MAX_INVERTED = 0.025  # fraction of resamples; beyond this the interval of a score would be an artefact


class Scale(NamedTuple):
    """Interquartile means of joint training (score 0) and of the oracle (score 1), each with its resamples [R]."""

    zero: float
    one: float
    zeros: NDArray[np.float64]
    ones: NDArray[np.float64]


class ComparisonRow(NamedTuple):
    """What one learner reached."""

    entry: Entry
    curve: dict[int, Estimate]  # interquartile mean of the return, by adaptation episodes
    score: dict[int, Estimate]  # the same between joint training (0) and oracle (1)
    mean: Estimate
    tail: Estimate
    greedy: Estimate
    improvement: Estimate  # probability to do better than joint training


class Baselines(NamedTuple):
    """The first joint training and the first oracle of a comparison."""

    joint: Entry | None
    oracle: Entry | None

    def scale(self, boot: Bootstrap) -> Scale | None:
        """None where one of them is missing, or where the oracle is not clearly better."""
        if self.joint is None or self.oracle is None:
            return None
        joint, oracle = self.joint.returns(0), self.oracle.returns(0)
        zero, zeros = float(interquartile_mean(joint)), interquartile_mean(boot.resample(joint))
        one, ones = float(interquartile_mean(oracle)), interquartile_mean(boot.resample(oracle))
        inverted = float((ones <= zeros).mean())
        return Scale(zero, one, zeros, ones) if one > zero and inverted < MAX_INVERTED else None

    def notes(self, scale: Scale | None) -> list[str]:
        """Why there is no score, where there is none."""
        if scale is not None:
            return []
        if self.joint is None or self.oracle is None:
            names = (("joint training", self.joint), ("an oracle", self.oracle))
            missing = [name for name, entry in names if entry is None]
            return [f"no score: {' and '.join(missing)} {'was' if len(missing) == 1 else 'were'} not given"]
        return ["no score: the oracle is not clearly better than joint training"]


def baselines_of(entries: Sequence[Entry]) -> Baselines:
    """The first of each."""
    joint, oracle = (next((e for e in entries if e.baseline == name), None) for name in ("joint", "oracle"))
    return Baselines(joint, oracle)


def strata(family: TaskDistribution, split: str, tasks: list[dict[str, float]]) -> NDArray[np.int64]:
    """The stratum of each task [N]: tasks of the same choices; all are of one where some stratum would be small."""
    names = [
        v.name
        for v in family.variables
        if v.name in family.descriptor_names and v.is_finite(split) and len(v.intervals(split)) <= MAX_CHOICES
    ]
    rows = np.array([[task[name] for name in names] for task in tasks]).reshape(len(tasks), -1)
    stratum, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)[1:]
    one = np.zeros(len(tasks), dtype=np.int64)
    return np.asarray(stratum if counts.min() >= MIN_STRATUM else one).reshape(-1)


def make_row(
    boot: Bootstrap, entry: Entry, after: tuple[int, ...], at: int, scale: Scale | None, baselines: Baselines
) -> ComparisonRow:
    """Curve and score after each of `after` adaptation episodes, and all else after `at` of them."""
    curve, score = _curve_and_score(boot, entry, after, scale, baselines)
    returns = entry.returns(at)
    return ComparisonRow(
        entry,
        curve,
        score,
        improvement=_improvement(boot, entry, returns, baselines.joint),
        mean=boot.estimate(returns, statistics.mean),
        tail=_tail(entry, returns),
        greedy=boot.estimate(entry.returns(at, greedy=True), interquartile_mean),
    )


def _curve_and_score(
    boot: Bootstrap, entry: Entry, after: tuple[int, ...], scale: Scale | None, baselines: Baselines
) -> tuple[dict[int, Estimate], dict[int, Estimate]]:
    curve, score = {}, {}
    for k in filter(entry.has, after):
        returns = entry.returns(k)
        value, resampled = float(interquartile_mean(returns)), interquartile_mean(boot.resample(returns))
        curve[k] = boot.interval(value, resampled)
        if scale is None:
            continue
        if entry is baselines.joint:  # its score is 0 by definition, whatever was resampled
            resampled = scale.zeros
        if entry is baselines.oracle:
            resampled = scale.ones
        scores = (resampled - scale.zeros) / (scale.ones - scale.zeros)
        score[k] = boot.interval((value - scale.zero) / (scale.one - scale.zero), scores)
    return curve, score


def _improvement(boot: Bootstrap, entry: Entry, returns: Returns, joint: Entry | None) -> Estimate:
    """Probability that a training does better on a task than one of joint training; unknown for that itself."""
    if joint is None or entry is joint:
        return UNKNOWN
    theirs = joint.returns(0)
    value = float(statistics.improvement(returns, theirs))
    return boot.interval(value, statistics.improvement(boot.resample(returns), boot.resample(theirs)))


def _tail(entry: Entry, returns: Returns) -> Estimate:
    """Mean of the worst tasks, repeats of one task pooled; without an interval, which so few tasks do not give."""
    rows = np.array([list(task.values()) for task in entry.evaluations[0].tasks])
    different = np.asarray(np.unique(rows, axis=0, return_inverse=True)[1]).reshape(-1)
    pooled = np.stack([returns[:, different == i].mean(1) for i in range(different.max() + 1)], 1)
    return UNKNOWN._replace(value=float(statistics.tail_mean(pooled)))
