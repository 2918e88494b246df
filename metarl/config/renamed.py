"""Keys that had another name in version 0.11. They are read for one release, with a line that names the new one."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

log = logging.getLogger(__name__)

RENAMED: dict[str, str] = {
    "credit": "advantage",
    "outer.entropy_coef": "outer.ent_coef",
    "outer.halve_every": "outer.lr_halve_every",
    "outer.anneal": "outer.lr_anneal",
    "learner.reset": "learner.memory_reset",
    "learner.adapts": "learner.adapted_params",
    "tasks.vary.*.law": "tasks.vary.*.spacing",
    "tasks.vary.*.each": "tasks.vary.*.per_element",
}


def with_new_keys(raw: dict[str, Any], source: str, own: Collection[str] = ()) -> dict[str, Any]:
    """Settings under the names that they have now; every old one is logged as a warning.

    own: dotted keys that are settings now, for example of a plugin's learner; they stay.
    """
    for old, new in RENAMED.items():
        if old in own:
            continue
        *parents, last = old.split(".")
        for path, section in _sections(raw, parents):
            name = new.split(".")[-1]
            if isinstance(section, dict) and last in section and name not in section:
                log.warning("%s: %s is called %s now", source, ".".join([*path, last]), name)
                _rename(section, last, name)
    return raw


def new_key(key: str, own: Collection[str] = ()) -> str:
    """The name that a dotted key of an option has now; an old one is logged as a warning."""
    parts = key.split(".")
    for old, new in RENAMED.items():
        if old in own:
            continue
        before, after = old.split("."), new.split(".")
        if len(parts) >= len(before) and all(b in ("*", p) for b, p in zip(before, parts, strict=False)):
            renamed = [p if a == "*" else a for a, p in zip(after, parts, strict=False)]
            found = ".".join([*renamed, *parts[len(before) :]])
            log.warning("--%s is called --%s now", key, found)
            return found
    return key


def _sections(raw: Any, parents: list[str], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every place that a path with `*` leads to, with its own path."""
    if not parents:
        return [(path, raw)]
    if not isinstance(raw, dict):
        return []
    keys = list(raw) if parents[0] == "*" else [parents[0]] if parents[0] in raw else []
    return [found for key in keys for found in _sections(raw[key], parents[1:], (*path, str(key)))]


def _rename(section: dict[str, Any], old: str, new: str) -> None:
    """In place, in the same order."""
    items = [(new if key == old else key, value) for key, value in section.items()]
    section.clear()
    section.update(items)
