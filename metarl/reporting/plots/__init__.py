"""Plots: how training went, how well a policy adapts, and how learners compare."""

from metarl.reporting.plots.adaptation import plot_adaptation
from metarl.reporting.plots.comparison import plot_comparison, plot_trainings
from metarl.reporting.plots.rates import plot_rates
from metarl.reporting.plots.training import plot_training

__all__ = ["plot_adaptation", "plot_comparison", "plot_rates", "plot_training", "plot_trainings"]
