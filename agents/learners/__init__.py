"""Learners by name, one file each: what there is to set, and how the parts are put together.

The algorithms themselves are in `agents.metric`, `agents.optimization`, `agents.memory` and `agents.baselines`.
"""
