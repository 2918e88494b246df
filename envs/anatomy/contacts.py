"""Which geoms can touch: by masks, or by explicit pairs, less what is excluded.

Axes: `G` geoms.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
NO_CONTACTS = mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_CONSTRAINT


def possible_contacts(model: mujoco.MjModel) -> Bools:
    """Whether two geoms can touch, [G, G], symmetric, as `mj_collision` decides it but for distances."""
    return by_masks(model) | by_pairs(model)


def by_masks(model: mujoco.MjModel) -> Bools:
    """Contacts by contype and conaffinity, [G, G]."""
    if model.opt.disableflags & NO_CONTACTS:
        return np.zeros((model.ngeom, model.ngeom), dtype=bool)
    kind, affinity = model.geom_contype, model.geom_conaffinity
    touching = (kind[:, None] & affinity[None]) != 0
    touching |= touching.T
    return np.asarray(touching & ~_filtered(model)[np.ix_(model.geom_bodyid, model.geom_bodyid)])


def by_pairs(model: mujoco.MjModel) -> Bools:
    """Contacts by explicit pairs, [G, G]."""
    touching = np.zeros((model.ngeom, model.ngeom), dtype=bool)
    if not model.opt.disableflags & NO_CONTACTS:
        touching[model.pair_geom1, model.pair_geom2] = True
    return touching | touching.T


def _filtered(model: mujoco.MjModel) -> Bools:
    """Bodies whose geoms do not touch by masks, [bodies, bodies]: one rigid body, parent and child, excluded."""
    weld = model.body_weldid
    above = weld[model.body_parentid[weld]]  # the rigid body above that of each body
    filtered = weld[:, None] == weld[None]
    if not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_FILTERPARENT:
        fixed = weld == 0
        related = (above[:, None] == weld[None]) | (above[None] == weld[:, None])
        filtered = filtered | (related & ~fixed[:, None] & ~fixed[None])
    for signature in model.exclude_signature:
        first, second = int(signature) >> 16, int(signature) & 0xFFFF
        filtered[first, second] = filtered[second, first] = True
    return np.asarray(filtered)
