"""What a memory knows of the task, as a picture."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from metarl.analysis.latent import LatentAnalysis
from metarl.reporting.plots.figures import PAGE, Target, saved_figure, tidy
from metarl.reporting.plots.labels import axis_label
from metarl.reporting.plots.palette import shown

MOST = 6  # tasks that are drawn; chosen


def plot_latent(analysis: LatentAnalysis, target: Target) -> None:
    """Left: R^2 of a linear probe by step, of the best known parameters. Right: the latent dimension that varies most
    between tasks, of unseen tasks from the smallest to the largest of the best known parameter, with one standard
    deviation of the belief where there is one. Dotted: another episode begins.
    """
    with saved_figure(target, 1, 2, (PAGE, 2.8)) as (figure, axes):
        left, right = axes[0]
        for i in analysis.best:
            left.plot(analysis.steps, analysis.r2[:, i], label=axis_label(analysis.names[i]))
        left.set(xlabel="step", ylabel="R$^2$ on unseen tasks", ylim=(min(-0.1, analysis.r2.min()), 1.05))
        left.legend(loc="lower right")
        left.set_ylim(bottom=max(left.get_ylim()[0], -1))
        _plot_latents(right, analysis, analysis.best[0])
        for panel in (left, right):
            for start in range(analysis.horizon, analysis.steps[-1] + 1, analysis.horizon):
                panel.axvline(start, color="black", linewidth=0.6, linestyle=":")
            tidy(panel)
        figure.suptitle(shown(f"{analysis.run}: what {analysis.learner} knows of {len(analysis.unseen.values)} tasks"))


def _plot_latents(panel: Axes, analysis: LatentAnalysis, parameter: int) -> None:
    values, mean, std = analysis.unseen.values[:, parameter], analysis.unseen.mean, analysis.unseen.std
    dimension = int(mean[-1].std(0).argmax())
    ranked = np.argsort(values)
    tasks = ranked[np.unique(np.linspace(0, len(ranked) - 1, MOST).astype(int))]
    low, high = float(values.min()), float(values.max())
    for task in tasks:
        color = matplotlib.colormaps["viridis"]((values[task] - low) / max(high - low, 1e-9))
        line = mean[:, task, dimension]
        panel.plot(analysis.steps, line, color=color)
        if std is not None:
            spread = std[:, task, dimension]
            panel.fill_between(analysis.steps, line - spread, line + spread, color=color, alpha=0.15, linewidth=0)
    panel.set(xlabel="step", ylabel=f"latent {dimension}")
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(low, high), "viridis")
    panel.figure.colorbar(scale, ax=panel, label=f"{axis_label(analysis.names[parameter])}, scaled by its range")
