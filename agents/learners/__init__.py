"""Learners by name, one file each: their settings, and how a learner is built from them.

The algorithms themselves are in `agents.metric`, `agents.optimization`, `agents.memory` and `agents.baselines`.
"""
