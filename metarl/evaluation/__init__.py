"""Evaluation of trained learners on unseen tasks."""
