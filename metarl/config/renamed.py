"""Settings under the names of the release before: read for one release, with a line that names the new one."""

from __future__ import annotations

import logging
from collections.abc import Container
from functools import lru_cache
from typing import Any

from metarl.errors import UserError

log = logging.getLogger(__name__)
RENAMED: dict[tuple[str, str], dict[str, str]] = {("outer", "ppo"): {"max_kl": "target_kl"}}
"""(section, kind) -> the old names of its settings, and the new ones."""


def rename(raw: dict[str, Any], source: str, overrides: Container[str]) -> None:
    """Give the settings of `raw` their new names, in place; an override counts under either name.

    Raises UserError where one place has both.
    """
    for (section, kind), names in RENAMED.items():
        settings = raw[section]
        for old in names.keys() & settings.keys() if settings["kind"] == kind else ():
            _rename(settings, section, old, names[old], source, overrides)


def _rename(settings: dict[str, Any], section: str, old: str, new: str, source: str, overrides: Container[str]) -> None:
    value, before, now = settings.pop(old), f"{section}.{old}", f"{section}.{new}"
    if (before in overrides) == (now in overrides) and new in settings:
        raise UserError(f"{source} has both {before} and {now}, its new name: give the new one alone")
    if new not in settings or before in overrides:
        settings[new] = value
    place = f"--{before}" if before in overrides else f"{source}: {before}"
    _warn(place, now)


@lru_cache(1000)
def _warn(place: str, new: str) -> None:
    """Once for each place, however often it is read."""
    log.warning("%s is called %s now; its old name is read by this release only", place, new)
