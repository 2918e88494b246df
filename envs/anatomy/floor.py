"""The floor: the fixed, level surface that a robot stands on."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from envs.anatomy.contacts import Bools
from envs.anatomy.names import PREFIX

Shape = mujoco.mjtGeom
LEVEL = 1 - 1e-6  # cosine of the largest tilt of a level surface
SAME_HEIGHT = 1e-3  # m between two surfaces that count as one
PLANE, BOX, HFIELD = (int(shape) for shape in (Shape.mjGEOM_PLANE, Shape.mjGEOM_BOX, Shape.mjGEOM_HFIELD))
KINDS = {PLANE: "plane", BOX: "box", HFIELD: "height field"}


class Floor(NamedTuple):
    """The floor of a model.

    geom: its index. height: m, of its surface in the world's frame. up: the vertical in the frame of its body.
    """

    geom: int
    height: float
    up: tuple[float, float, float]

    def kind(self, model: mujoco.MjModel) -> str:
        """`plane`, `box` or `height field`."""
        return KINDS[int(model.geom_type[self.geom])]


def find_floor(model: mujoco.MjModel, data: mujoco.MjData, touched: Bools, root: int, name: str | None) -> Floor | None:
    """The floor below the body `root` in the pose of `data`, or the geom `name`; None if there is none.

    touched: whether the robot can touch each geom, [G]. Planes go before boxes, boxes before height fields; of several
    the one closest below the root is taken. Raises ValueError for a name that is no level surface.
    """
    if name is not None:
        return _named(model, data, name)
    candidates = [g for g in range(model.ngeom) if touched[g] and _is_level(model, data, g)]
    below = [g for g in candidates if _reaches_under(model, data, g, data.xpos[root])]
    for kind in KINDS:
        found = [_floor(model, data, g) for g in below if model.geom_type[g] == kind]
        if found:
            return max(found, key=lambda floor: floor.height)
    return None


def _named(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> Floor:
    geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name)
    if geom < 0:
        known = ", ".join(n for g in range(model.ngeom) if (n := model.geom(g).name) and _is_level(model, data, g))
        raise ValueError(
            f"floor is {name!r}, which the model lacks, expected one of its level surfaces: {known or 'none'}"
        )
    if not _is_level(model, data, geom):
        raise ValueError(f"floor is {name!r}, expected a level plane, box or height field that is fixed to the world")
    return _floor(model, data, geom)


def _floor(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> Floor:
    x, y, z = data.xmat[model.geom_bodyid[geom]].reshape(3, 3)[2]  # the transpose takes the world's z into that frame
    return Floor(geom, _top(model, data, geom), (float(x), float(y), float(z)))


def _is_level(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> bool:
    body = model.geom_bodyid[geom]
    fixed = model.body_weldid[body] == 0 and model.body_mocapid[model.body_rootid[body]] < 0
    ours = model.geom(geom).name.startswith(PREFIX)
    return bool(fixed and not ours and int(model.geom_type[geom]) in KINDS and _vertical(model, data, geom) is not None)


def _vertical(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> int | None:
    """Which of its own axes is vertical; None if it is not level. Only a box may lie on any of its sides."""
    upwards = data.geom_xmat[geom].reshape(3, 3)[2]
    if model.geom_type[geom] != BOX:
        return 2 if upwards[2] > LEVEL else None
    axis = int(np.abs(upwards).argmax())
    return axis if abs(upwards[axis]) > LEVEL else None


def other_levels(model: mujoco.MjModel, qpos: np.ndarray, touched: Bools, floor: Floor) -> list[int]:
    """Level surfaces at the height of the floor or below it that the robot can touch too."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    levels = [g for g in range(model.ngeom) if g != floor.geom and touched[g] and _is_level(model, data, g)]
    return [g for g in levels if _top(model, data, g) < floor.height + SAME_HEIGHT]


def _reaches_under(model: mujoco.MjModel, data: mujoco.MjData, geom: int, place: np.ndarray) -> bool:
    """Whether a surface lies below a place [3]."""
    if _top(model, data, geom) > place[2]:
        return False
    half = _half_widths(model, geom)
    local = data.geom_xmat[geom].reshape(3, 3).T @ (place - data.geom_xpos[geom])
    across = [k for k in range(3) if k != _vertical(model, data, geom)]
    return bool(np.all((half[across] == 0) | (np.abs(local[across]) <= half[across])))


def _half_widths(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Along its own axes, m; 0 for an infinite extent. Planes have no edge in MuJoCo, whatever their size."""
    if model.geom_type[geom] == PLANE:
        return np.zeros(3)
    if model.geom_type[geom] == HFIELD:
        return np.asarray(model.hfield_size[model.geom_dataid[geom], :3])
    return np.asarray(model.geom_size[geom])


def _top(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """Height of its surface in m; of a height field that of its zero."""
    axis = _vertical(model, data, geom)
    thick = model.geom_size[geom, axis] if model.geom_type[geom] == BOX and axis is not None else 0.0
    return float(data.geom_xpos[geom, 2] + thick)
