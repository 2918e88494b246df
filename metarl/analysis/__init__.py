"""Gradients and estimators compared with exact values."""
