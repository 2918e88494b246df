"""The robot of a model, found by its structure, never by position.

The robot is the tree of bodies that holds what the actuators move. Its root is the first body of the tree that moves; a
free joint there makes it free in the plane, slide joints along x, y and z let it move along these.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.actuators import Actuator, find_actuators
from envs.anatomy.contacts import Bools, possible_contacts
from envs.anatomy.floor import Floor, find_floor
from envs.anatomy.names import PREFIX

Base = Literal["free", "sliding", "fixed"]
Joint = mujoco.mjtJoint
ALIGNED = 1 - 1e-6  # cosine of the largest angle between a slide joint and an axis of the world
WEIGHTLESS = 1e-6  # kg: a body without mass that only carries the next one's joint


class Anatomy(NamedTuple):
    """What a model consists of, as indices of the compiled model.

    root: the body that counts as the robot's place. bodies: the robot's, root and what carries it included.
    base: how the root moves: freely, along axes of the world, or not at all.
    position: entries of qpos that are x, or x and y, of the root; none if it is fixed. height: that of its z, or None.
    observed: pieces of qpos that do not depend on where it is.
    actuators: of the whole model, in MuJoCo's order.
    floor: what the robot stands on, or None. start: x and y at which it starts, and the height of the floor, m.
    touched: geoms that the robot can touch, [G]. shift: what x, y and z of its qpos lack of its place in the world, m.
    """

    root: int
    bodies: tuple[int, ...]
    base: Base
    position: tuple[int, ...]
    height: int | None
    observed: tuple[slice, ...]
    actuators: tuple[Actuator, ...]
    floor: Floor | None
    start: tuple[float, float, float]
    touched: Bools
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)


def understand(
    model: mujoco.MjModel, root: str | None = None, floor: str | None = None, qpos: NDArray[np.float64] | None = None
) -> Anatomy:
    """Find the robot of a model; `root` names its body, `floor` the geom that it stands on, where they are not found.

    qpos: the pose in which it starts, [nq]; by default the model's own.
    Raises ValueError, in one sentence, for a model that is not understood.
    """
    data = posed(model, None)
    actuators = find_actuators(model)
    top = _top_body(model, data, actuators) if root is None else _body(model, root)
    bodies = _tree(model, _outermost(model, data, top))
    body = _first_moving(model, top) if root is None else top
    base, position, height = _base(model, data, body)
    mine = np.isin(model.geom_bodyid, bodies)
    touched = possible_contacts(model)[mine].any(0) & ~mine
    started = posed(model, qpos)
    ground = find_floor(model, started, touched, body, floor) or find_floor(model, data, touched, body, floor)
    x, y = (float(c) for c in started.xpos[body, :2])
    start = (x, y, ground.height if ground else 0.0)
    return Anatomy(body, bodies, base, position, height, _others(model.nq, position), actuators, ground, start, touched)


def posed(model: mujoco.MjModel, qpos: NDArray[np.float64] | None) -> mujoco.MjData:
    """The places of all bodies in the pose qpos [nq], by default the model's own."""
    data = mujoco.MjData(model)
    if qpos is not None:
        data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    return data


def _others(size: int, left_out: tuple[int, ...]) -> tuple[slice, ...]:
    """The pieces of a range of indices without some."""
    cuts = [-1, *sorted(left_out), size]
    return tuple(slice(a + 1, b) for a, b in pairwise(cuts) if b > a + 1)


def _body(model: mujoco.MjModel, name: str) -> int:
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
    if index <= 0:
        known = ", ".join(n for b in range(1, model.nbody) if (n := model.body(b).name))
        raise ValueError(f"root is {name!r}, which is no body of the model, expected one of {known or 'none: name it'}")
    return int(index)


def _top_body(model: mujoco.MjModel, data: mujoco.MjData, actuators: tuple[Actuator, ...]) -> int:
    """The body below the world whose tree the actuators move, or the one that slides on a fixed body."""
    trees = [{int(model.body_rootid[model.dof_bodyid[dof]]) for dof in a.dofs} for a in actuators]
    tops = sorted(set().union(*trees)) if trees else []
    if not tops and model.nv:
        tops = sorted({int(model.body_rootid[b]) for b in model.dof_bodyid})
    if len(tops) == 1:
        moved = {int(model.dof_treeid[dof]) for a in actuators for dof in a.dofs}
        return _outermost(model, data, int(model.tree_bodyadr[moved.pop()])) if len(moved) == 1 else tops[0]
    if not tops:
        raise ValueError("no body of the model can move, expected a robot with joints")
    names = ", ".join(model.body(b).name or f"body {b}, without a name" for b in tops)
    how = "actuators move" if any(trees) else "joints move"
    raise ValueError(
        f"{how} {len(tops)} separate trees of bodies ({names}): name the robot's with the class attribute root"
    )


def _outermost(model: mujoco.MjModel, data: mujoco.MjData, body: int) -> int:
    """The body below the world that carries a body; the one that slides where that is fixed, as a scene is."""
    outer, tree = int(model.body_rootid[body]), int(model.body_treeid[body])
    if tree < 0 or model.body_weldid[outer] != 0:
        return outer
    first = int(model.tree_bodyadr[tree])
    return first if _base(model, data, first)[0] == "sliding" else outer


def _tree(model: mujoco.MjModel, top: int) -> tuple[int, ...]:
    """A body and all that it carries, but for what was added."""
    inside = [top]
    for body in range(top + 1, model.nbody):
        if model.body_parentid[body] in inside and not model.body(body).name.startswith(PREFIX):
            inside.append(body)
    return tuple(inside)


def _first_moving(model: mujoco.MjModel, top: int) -> int:
    """The first body that has a joint and a mass; the top itself where the tree forks before that."""
    body = top
    while True:
        children = np.flatnonzero(model.body_parentid == body)
        carries = model.body_jntnum[body] > 0 and model.body_mass[body] > WEIGHTLESS
        if carries or len(children) != 1:
            return body if model.body_weldid[body] != 0 else top
        if model.body_jntnum[body] == 0 and model.body_mass[body] > WEIGHTLESS:
            return top  # a base that is fixed
        body = int(children[0])


def _base(model: mujoco.MjModel, data: mujoco.MjData, root: int) -> tuple[Base, tuple[int, ...], int | None]:
    """How a body moves, and the entries of qpos that are its x, or x and y, and its z.

    A slide joint behind one that turns moves along another direction when that has turned, and is none of these.
    """
    along: dict[str, int] = {}
    for joint in _carrying(model, root):
        entry, kind = int(model.jnt_qposadr[joint]), int(model.jnt_type[joint])
        if kind == Joint.mjJNT_FREE:
            return "free", (entry, entry + 1), entry + 2
        if kind != Joint.mjJNT_SLIDE:
            break
        aligned = [a for a, c in zip("xyz", data.xaxis[joint], strict=True) if c > ALIGNED]
        along |= dict.fromkeys(aligned, entry)
    position = tuple(along[axis] for axis in "xy" if axis in along) if "x" in along else ()
    return ("sliding" if position else "fixed"), position, along.get("z")


def _carrying(model: mujoco.MjModel, body: int) -> list[int]:
    """The joints between the world and a body, the world's first."""
    joints: list[int] = []
    while body > 0:
        first = int(model.body_jntadr[body])
        joints = [*range(first, first + int(model.body_jntnum[body])), *joints]
        body = int(model.body_parentid[body])
    return joints
