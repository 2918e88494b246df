"""Plots: how training went, how well a policy adapts, and how learners compare."""

import os

os.environ["MPLBACKEND"] = "agg"  # whatever it was: one that does not exist would end the import of matplotlib

from metarl.reporting.plots.adaptation import plot_adaptation
from metarl.reporting.plots.comparison import figures_of, plot_trainings, write_figures
from metarl.reporting.plots.estimators import plot_estimators
from metarl.reporting.plots.gradients import plot_gradients
from metarl.reporting.plots.latent import plot_latent
from metarl.reporting.plots.rates import plot_rates
from metarl.reporting.plots.training import plot_training

__all__ = [
    "figures_of",
    "plot_adaptation",
    "plot_estimators",
    "plot_gradients",
    "plot_latent",
    "plot_rates",
    "plot_training",
    "plot_trainings",
    "write_figures",
]
