"""Kinds of tasks by name: the files of `envs.tasks`, and those of other packages (entry points `metarl.tasks`)."""

from __future__ import annotations

from envs.registry import Registry
from envs.task_settings import TaskSettings

TASKS: Registry[type[TaskSettings]] = Registry(
    "kind of tasks",
    "envs.tasks",
    "Settings",
    lambda s: str(s.model_fields["kind"].default),
    "metarl.tasks",
    TaskSettings,
)
