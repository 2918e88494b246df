"""Which numbers of a model have an effect: a factor of one that is 0, or that nothing uses, changes nothing.

Axes: `G` geoms.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.contacts import Bools, by_masks, by_pairs
from envs.locomotion.elements import count_entries

FINEST = {"geom_friction": "coefficient", "body_inertia": "axis"}  # fields of which a variable may scale single numbers
NUMBERS = {"geom": 3, "pair": 5, "body": 3}  # frictions of a geom and of a pair, inertias of a body
SMALLEST = 1e-9  # of an entry of a Jacobian that counts
Disabled, Enabled = mujoco.mjtDisableBit, mujoco.mjtEnableBit


def stock_values(model: mujoco.MjModel, field: str) -> Bools:
    """Whether each number of a field, or each row where no variable scales single numbers, is anything but 0."""
    parts = [
        getattr(model, name) for name in ("geom_friction", "pair_friction")[: 2 if field == "geom_friction" else 0]
    ]
    parts = parts or [getattr(model, field)]
    rows = [part if part.ndim == 1 or field in FINEST else part.any(1) for part in parts]
    return np.concatenate([row.reshape(-1) != 0 for row in rows])


def used_values(model: mujoco.MjModel, field: str) -> Bools:
    """Whether each number of a field, or each row where no variable scales single numbers, has an effect."""
    if field == "geom_friction":
        return _used_friction(model)
    values = getattr(model, field)
    used = (values if values.ndim == 1 or field in FINEST else values.any(1)).reshape(-1) != 0
    if field == "dof_damping" and model.opt.disableflags & Disabled.mjDSBL_DAMPER:
        return np.zeros_like(used)
    if field in ("body_mass", "body_inertia") and not (model.opt.density or model.opt.viscosity):
        moving, turning = _movable(model)
        used &= moving if field == "body_mass" else turning.reshape(-1)
    return np.asarray(used)


def spread(model: mujoco.MjModel, kind: str, field: str, entries: list[int]) -> Bools:
    """Where a variable of some elements acts, in the numbers of `used_values`."""
    chosen = np.zeros(count_entries(model, kind), dtype=bool)
    chosen[entries] = True
    if kind == FINEST.get(field, kind):
        return chosen
    if kind == "geom":
        geoms, pairs = chosen[: model.ngeom], chosen[model.ngeom :]
        return np.concatenate([np.repeat(geoms, NUMBERS["geom"]), np.repeat(pairs, NUMBERS["pair"])])
    return np.repeat(chosen, NUMBERS[kind])


def _movable(model: mujoco.MjModel) -> tuple[Bools, Bools]:
    """Whether the centre of mass of each body can move, [bodies], and whether it can turn about each principal axis,
    [bodies, 3], in a pose in which no arm vanishes by chance.
    """
    data = mujoco.MjData(model)
    mujoco.mj_integratePos(model, data.qpos, np.random.default_rng(0).uniform(0.1, 0.5, model.nv), 1.0)
    mujoco.mj_fwdPosition(model, data)
    moving, turning = np.zeros(model.nbody, dtype=bool), np.zeros((model.nbody, 3), dtype=bool)
    along, about = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    for body in range(model.nbody):
        mujoco.mj_jacBodyCom(model, data, along, about, body)
        moving[body] = bool((np.abs(along) > SMALLEST).any())
        turning[body] = (np.abs(data.ximat[body].reshape(3, 3).T @ about) > SMALLEST).any(1)
    return moving, turning


def _used_friction(model: mujoco.MjModel) -> Bools:
    """Of each coefficient of each geom, then of each pair: whether a contact uses it, and it is not 0."""
    levels = np.array([1, 3, 4])  # the largest condim in which each coefficient does not count
    of_geoms = (_condims(model)[:, None] > levels) & (model.geom_friction != 0)
    of_pairs = (model.pair_dim[:, None] > levels[[0, 0, 1, 2, 2]]) & (model.pair_friction != 0)
    used = np.concatenate([of_geoms.reshape(-1), of_pairs.reshape(-1)])
    return np.zeros_like(used) if model.opt.enableflags & Enabled.mjENBL_OVERRIDE else used


def _condims(model: mujoco.MjModel) -> NDArray[np.int64]:
    """The largest condim of the contacts in which the friction of a geom counts, [G].

    The friction of a pair replaces that of its geoms; else the higher priority decides, else the larger friction.
    """
    touching = by_masks(model) & ~by_pairs(model)
    touching &= model.geom_priority[:, None] >= model.geom_priority[None]
    level = model.geom_priority[:, None] == model.geom_priority[None]
    own, other = model.geom_condim[:, None], np.where(level, model.geom_condim[None], 0)
    return np.asarray(np.where(touching, np.maximum(own, other), 0).max(1, initial=0))
