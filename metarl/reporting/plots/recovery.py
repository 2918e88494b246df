"""How fast legged robots adapt to a change within the episode: their velocity error by the second after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.legged.defaults import BY_SECOND
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.statistics import mean_interval
from metarl.reporting.plots.figures import Target, plot_band, small_multiples
from metarl.reporting.plots.palette import shown, styles_of


def plot_recovery(evaluations: Sequence[Evaluation], target: Target) -> None:
    """Mean velocity error with 95 % bands, of greedy actions after adaptation: before the change at -0.5 s, and over
    each of the ten seconds after it.
    """
    styles = styles_of([e.learner for e in evaluations])
    title = f"velocity error around a change, {len(evaluations[0].tasks)} tasks"
    with small_multiples(target, 1, title) as (_, axes):
        panel = axes[0]
        for evaluation, style in zip(evaluations, styles, strict=True):
            rows = [evaluation.results[name][evaluation.adapted] for name in BY_SECOND]
            means = [mean_interval(row[~np.isnan(row)]) for row in rows]
            known = [i for i, mean in enumerate(means) if not np.isnan(mean.value)]
            plot_band(panel, [i - 0.5 for i in known], [means[i] for i in known], style, shown(evaluation.learner))
        panel.axvline(0, color="black", linewidth=0.6, linestyle=":")
        panel.set(xlabel="time since the change (s)", ylabel="velocity error (m/s)", ylim=(0, None))
