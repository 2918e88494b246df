"""Adding to a model of somebody else: its defaults must not reach what is added, and what it has is found again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import mujoco

from envs.anatomy.names import PREFIX

_Item = TypeVar("_Item", mujoco.MjsBody, mujoco.MjsGeom)

KEPT = ("name", "parent", "frame", "classname", "info", "id", "signature", "plugin", "userdata")


def add_geom(body: mujoco.MjsBody, **attributes: Any) -> mujoco.MjsGeom:
    """A geom with these attributes and MuJoCo's own defaults, not those of the model."""
    geom = body.add_geom()
    plain = mujoco.MjSpec().worldbody.add_geom()
    for name, attribute in vars(mujoco.MjsGeom).items():
        if name not in KEPT and getattr(attribute, "fset", None) is not None:
            setattr(geom, name, getattr(plain, name))
    for name, value in attributes.items():
        setattr(geom, name, value)
    return geom


def original(items: Sequence[_Item], index: int) -> _Item:
    """The body or geom of an editable model that had an index before anything was added."""
    return [item for item in items if not item.name.startswith(PREFIX)][index]
