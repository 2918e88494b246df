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

CEILINGS = ("oracle", "sb3")  # kinds of baselines that are told the task
MIN_STRATUM = 5  # chosen: of single tasks nothing can be resampled
MAX_CHOICES = 8  # of a parameter up to which they are strata; more are as good as a range
MAX_INVERTED = 0.025  # fraction of resamples; beyond this the interval of a score would be an artefact


class Level(NamedTuple):
    """The interquartile mean of a baseline, with its resamples [R]."""

    value: float
    resampled: NDArray[np.float64]


class ComparisonRow(NamedTuple):
    """What one learner reached."""

    entry: Entry
    curve: dict[int, Estimate]  # interquartile mean of the return, by adaptation episodes
    score: dict[int, Estimate]  # the same between joint training (0) and the ceiling (1)
    above: tuple[int, ...]  # the numbers of adaptation episodes after which it beats the ceiling beyond the interval
    mean: Estimate
    tail: Estimate
    greedy: Estimate
    improvement: Estimate  # probability to do better than joint training


class Baselines(NamedTuple):
    """The first joint training of a comparison; and the ceiling, the better of its first oracle and SB3's first PPO.

    They are told the task. Which one is better is decided by interquartile means.
    """

    joint: Entry | None
    ceilings: list[Entry]  # the best first
    zero: Level | None  # of joint training
    one: Level | None  # of the ceiling

    @property
    def ceiling(self) -> Entry | None:
        """The better of those that are told the task, whose score is 1."""
        return self.ceilings[0] if self.ceilings else None

    @property
    def ceiling_name(self) -> str:
        """Its name; nothing where there is none."""
        return self.ceilings[0].learner if self.ceilings else ""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Of the score; None where one of them is missing, or where the ceiling is not clearly better."""
        if self.zero is None or self.one is None:
            return None
        inverted = float((self.one.resampled <= self.zero.resampled).mean())
        is_better = self.one.value > self.zero.value and inverted < MAX_INVERTED
        return (self.zero.value, self.one.value) if is_better else None

    def notes(self) -> list[str]:
        """Which ceiling was taken, and why there is no score, where there is none."""
        return [*self._choice(), *([] if self.ends else [f"no score: {self._missing()}"])]

    def _choice(self) -> list[str]:
        if len(self.ceilings) < 2:
            return []
        (best, of_best), (other, of_other) = ((e.learner, interquartile_mean(e.returns(0))) for e in self.ceilings)
        return [f"the ceiling is {best}: an interquartile mean of {of_best:.4g}, against {of_other:.4g} of {other}"]

    def _missing(self) -> str:
        names = (("joint training", self.joint), ("an oracle", self.ceiling))
        missing = [name for name, entry in names if entry is None]
        if not missing:
            return f"the ceiling ({self.ceiling_name}) is not clearly better than joint training"
        return f"{' and '.join(missing)} {'was' if len(missing) == 1 else 'were'} not given"


def baselines_of(boot: Bootstrap, entries: Sequence[Entry]) -> Baselines:
    """The first of each."""
    joint, *ceilings = (next((e for e in entries if e.baseline == name), None) for name in ("joint", *CEILINGS))
    there = [e for e in ceilings if e is not None]
    there.sort(key=lambda e: float(interquartile_mean(e.returns(0))), reverse=True)
    return Baselines(joint, there, _level(boot, joint), _level(boot, there[0] if there else None))


def _level(boot: Bootstrap, entry: Entry | None) -> Level | None:
    if entry is None:
        return None
    returns = entry.returns(0)
    return Level(float(interquartile_mean(returns)), interquartile_mean(boot.resample(returns)))


def note_above(rows: Sequence[ComparisonRow], baselines: Baselines) -> list[str]:
    """That learners beat the ceiling, where they do: it is none then."""
    above = [f"{row.entry.learner}{_episodes(row)}" for row in rows if row.above]
    if not above:
        return []
    return [
        f"the ceiling is beaten: {' and '.join(above)} did better than {baselines.ceiling_name}, beyond the 95 % "
        "interval of the difference; that is a defect of the ceiling, which was trained too little or badly and is to "
        "be looked into: until then scores mean little"
    ]


def _episodes(row: ComparisonRow) -> str:
    """After how many episodes, of a learner that adapts."""
    return f" (after {', '.join(map(str, row.above))})" if len(row.entry.after) > 1 else ""


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


def make_row(boot: Bootstrap, entry: Entry, after: tuple[int, ...], at: int, baselines: Baselines) -> ComparisonRow:
    """Curve and score after each of `after` adaptation episodes, and all else after `at` of them."""
    returns = entry.returns(at)
    return ComparisonRow(
        entry,
        *_curves(boot, entry, after, baselines),
        improvement=_improvement(boot, entry, returns, baselines.joint),
        mean=boot.estimate(returns, statistics.mean),
        tail=_tail(entry, returns),
        greedy=boot.estimate(entry.returns(at, greedy=True), interquartile_mean),
    )


def _curves(
    boot: Bootstrap, entry: Entry, after: tuple[int, ...], baselines: Baselines
) -> tuple[dict[int, Estimate], dict[int, Estimate], tuple[int, ...]]:
    """Returns and scores, and after how many episodes the ceiling is beaten."""
    curve, score, above = {}, {}, []
    joint, ceiling, zero, one = baselines.joint, baselines.ceiling, baselines.zero, baselines.one
    for k in filter(entry.has, after):
        returns = entry.returns(k)
        value, resampled = float(interquartile_mean(returns)), interquartile_mean(boot.resample(returns))
        curve[k] = boot.interval(value, resampled)
        if zero and entry is joint:  # its score is 0 by definition, whatever was resampled
            resampled = zero.resampled
        if one and entry is ceiling:
            resampled = one.resampled
        if one and boot.interval(value - one.value, resampled - one.resampled).low > 0:
            above.append(k)
        if zero and one and baselines.ends:
            scores = (resampled - zero.resampled) / (one.resampled - zero.resampled)
            score[k] = boot.interval((value - zero.value) / (one.value - zero.value), scores)
    return curve, score, tuple(above)


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
