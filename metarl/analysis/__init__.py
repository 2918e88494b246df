"""Gradients and estimators held against what is known exactly."""
