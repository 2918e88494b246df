"""Learners by name: the files of `agents.learners`, and those of other packages (entry points `metarl.learners`)."""

from __future__ import annotations

from agents.settings import LearnerSettings
from envs.registry import Registry

LEARNERS: Registry[type[LearnerSettings]] = Registry(
    "learner",
    "agents.learners",
    "Settings",
    lambda s: str(s.model_fields["kind"].default),
    "metarl.learners",
    LearnerSettings,
)
