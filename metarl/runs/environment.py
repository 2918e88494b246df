"""What a run was started with: versions, commit, machine, job."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from metarl import __version__
from metarl.config import plugins
from metarl.distributed.launch import job

PACKAGES = ("torch", "mujoco", "gymnasium", "numpy")
GROUPS = ("metarl.learners", "metarl.robots", "metarl.tasks", "metarl.outers")  # of entry points


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in PACKAGES}}


def packages() -> list[str]:
    """Installed packages that offer learners, robots, tasks or outer steps by entry points."""
    points = [point for group in GROUPS for point in importlib.metadata.entry_points(group=group)]
    return sorted({point.dist.name for point in points if point.dist})


def describe(launch: str | None) -> dict[str, Any]:
    """What `environment.json` holds; launch: what all processes of one call of torchrun share."""
    found: dict[str, Any] = {"metarl": __version__, "commit": commit(), "machine": platform.machine(), **versions()}
    if names := plugins.loaded():
        found["plugins"] = names
    if names := packages():
        found["packages"] = names
    if launch:
        found |= {"launch": launch} | ({"job": name} if (name := job()) else {})
    return found


@cache
def commit() -> str | None:
    """The commit of this checkout, with a + where it was changed since; None where it is not a checkout."""
    root = Path(__file__).resolve().parent.parent.parent
    words = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and (root / ".git").exists() else None
