"""How long a legged robot takes to adapt to a change within the episode, from its velocity error by the second."""

from __future__ import annotations

import numpy as np

from envs.legged.defaults import BY_SECOND
from metarl.evaluation.adaptation_evaluation import Evaluation

LAST = 3  # seconds whose mean is where the error settles; chosen
NEAR = 0.1  # share of the way from the worst second to there that may be left; chosen


def has_events(evaluation: Evaluation) -> bool:
    """Whether something changed within the episodes of an evaluation."""
    return BY_SECOND[0] in evaluation.results


def recovery_note(evaluation: Evaluation) -> str:
    """The mean error before, in the worst second after, and in the end, and after how many seconds it stays near that.

    Greedy actions, all tasks; robots that have fallen count as standing.
    """
    rows = [evaluation.results[name][evaluation.adapted] for name in BY_SECOND]
    before, *means = [float(np.nanmean(row)) if not np.isnan(row).all() else float("nan") for row in rows]
    known = [mean for mean in means if not np.isnan(mean)]
    if len(known) <= LAST:
        return "episodes end too soon after the change to say how long adaptation takes"
    worst, end = max(known), sum(known[-LAST:]) / LAST
    limit = end + NEAR * (worst - end)
    settled = next(i for i in range(len(known)) if all(mean <= limit for mean in known[i:-LAST]))
    return (
        f"velocity error {before:.2f} m/s before the change, {worst:.2f} in the worst second after it, {end:.2f} in "
        f"the end; near that {settled} s after the change"
    )
