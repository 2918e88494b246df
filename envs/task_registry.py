"""Kinds of tasks by name: the files of `envs.tasks`, and those of other packages (entry points `metarl.tasks`)."""

from __future__ import annotations

from envs.registry import Registry, kind_of
from envs.task_settings import TaskSettings

TASKS: Registry[type[TaskSettings]] = Registry(
    "kind of tasks",
    "envs.tasks",
    "Settings",
    kind_of,
    "metarl.tasks",
    TaskSettings,
)
