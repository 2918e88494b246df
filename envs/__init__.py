"""Distributions of tasks, and the simulated worlds in which they are learned."""
