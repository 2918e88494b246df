"""Adding to a model of somebody else, whose defaults must not reach what is added."""

from __future__ import annotations

from typing import Any

import mujoco

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
