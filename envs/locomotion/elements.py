"""The elements of a robot that may each have a factor of their own: bodies, joints, geoms, motors, coefficients."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from envs.anatomy.actuators import places
from envs.anatomy.anatomy import Anatomy
from envs.anatomy.contacts import by_masks
from envs.anatomy.names import PREFIX, TERRAIN, label
from envs.core import Task

BODY, JOINT, GEOM = mujoco.mjtObj.mjOBJ_BODY, mujoco.mjtObj.mjOBJ_JOINT, mujoco.mjtObj.mjOBJ_GEOM
DOFS = {0: 6, 1: 3, 2: 1, 3: 1}  # of a free, ball, slide and hinge joint
AXES, COEFFICIENTS = "xyz", ("slide", "spin", "roll")
PAIR_COEFFICIENTS = ((0, 1), (2,), (3, 4))  # sliding, torsional, rolling in the five frictions of a pair
WHOLE = ("axis", "coefficient")  # kinds that number the entries of a field, not its rows


def elements(model: mujoco.MjModel, anatomy: Anatomy, kind: str) -> dict[str, list[int]]:
    """The elements of one kind: name -> its indices in the model's fields.

    kind: `body`, `joint` and `motor` of the robot; `geom`, what can touch, and behind the geoms the pairs of contacts;
    `axis`, one of the three inertias of a body; or `coefficient`, one of the three frictions of a geom or a pair.
    """
    if kind == "motor":
        return places(anatomy.actuators)
    if kind == "joint":
        return _joints(model, anatomy)
    if kind == "body":
        return _bodies(model, anatomy)
    if kind == "axis":
        bodies = _bodies(model, anatomy).items()
        return {f"{name}:{axis}": [3 * i + k] for name, (i,) in bodies for k, axis in enumerate(AXES)}
    geoms, pairs = _geoms(model, anatomy), _pairs(model)
    if kind == "geom":
        return geoms | {name: [model.ngeom + p for p in rows] for name, rows in pairs.items()}
    split = {
        f"{name}:{word}": [3 * i + k for i in rows]
        for name, rows in geoms.items()
        for k, word in enumerate(COEFFICIENTS)
    }
    of_pairs = {
        f"{name}:{word}": [3 * model.ngeom + 5 * p + k for p in rows for k in own]
        for name, rows in pairs.items()
        for word, own in zip(COEFFICIENTS, PAIR_COEFFICIENTS, strict=True)
    }
    return split | of_pairs


def count_entries(model: mujoco.MjModel, kind: str) -> int:
    """How many entries `elements` numbers."""
    sizes = {"body": model.nbody, "axis": 3 * model.nbody, "joint": model.nv, "motor": model.nu}
    sizes |= {"geom": model.ngeom + model.npair, "coefficient": 3 * model.ngeom + 5 * model.npair}
    return int(sizes[kind])


def factors(task: Task, name: str, named: dict[str, list[int]], size: int, num_worlds: int) -> Tensor:
    """The factor of each of `size` entries, [W, size]: that of all elements times that of each element."""
    out = torch.ones(num_worlds, size, dtype=torch.float64)
    if name in task:
        every = sorted({entry for entries in named.values() for entry in entries})
        out[:, every] *= task[name][:, None]
    for element, entries in named.items():
        if (own := f"{name}:{element}") in task:
            out[:, entries] *= task[own][:, None]
    return out


def _bodies(model: mujoco.MjModel, anatomy: Anatomy) -> dict[str, list[int]]:
    """Bodies of the robot that have a mass and can move."""
    moving = [b for b in anatomy.bodies if model.body_mass[b] > 0 and model.body_weldid[b] != 0]
    return {label(model, BODY, b, "body"): [b] for b in moving}


def _joints(model: mujoco.MjModel, anatomy: Anatomy) -> dict[str, list[int]]:
    joints = {}
    for j in range(model.njnt):
        if int(model.jnt_bodyid[j]) in anatomy.bodies:
            first, count = int(model.jnt_dofadr[j]), DOFS[int(model.jnt_type[j])]
            joints[label(model, JOINT, j, "joint")] = list(range(first, first + count))
    return joints


def _geoms(model: mujoco.MjModel, anatomy: Anatomy) -> dict[str, list[int]]:
    """Geoms that can touch by masks; the terrain belongs to the floor that it replaces."""
    touching = [bool(row.any()) for row in by_masks(model)]
    terrain = [g for g in range(model.ngeom) if model.geom(g).name.startswith(TERRAIN)]
    own = [g for g in range(model.ngeom) if touching[g] and g not in terrain]
    named = {label(model, GEOM, g, "geom"): [g] for g in own}
    floor = anatomy.floor.geom if anatomy.floor else None
    return {name: [g, *terrain] if g == floor else [g] for name, (g,) in named.items()}


def _pairs(model: mujoco.MjModel) -> dict[str, list[int]]:
    """Explicit pairs of contacts, by name or by their geoms; with that of the floor go those of the terrain."""
    names = [model.pair(p).name for p in range(model.npair)]
    added = [p for p, name in enumerate(names) if name.startswith(PREFIX)]
    named: dict[str, list[int]] = {}
    for p, name in enumerate(names):
        if p not in added:
            ends = {int(model.pair_geom1[p]), int(model.pair_geom2[p])}
            own = name or "-".join(label(model, GEOM, g, "geom") for g in sorted(ends))
            like = [q for q in added if names[q].removeprefix(TERRAIN).partition("/")[2] == own]
            named[own] = [p, *like]
    return named
