"""Collecting experience, outer steps, the training loop."""
