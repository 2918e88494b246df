"""Learners that infer a latent description of the task."""
