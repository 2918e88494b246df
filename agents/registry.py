"""Learners by name: the files of `agents.learners`, and those of other packages (entry points `metarl.learners`)."""

from __future__ import annotations

from agents.settings import LearnerSettings
from envs.registry import Registry, kind_of

LEARNERS: Registry[type[LearnerSettings]] = Registry(
    "learner",
    "agents.learners",
    "Settings",
    kind_of,
    "metarl.learners",
    LearnerSettings,
)
