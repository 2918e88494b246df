"""Where a robot starts, and what an action of 0 holds."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.actuators import is_position_servo
from envs.anatomy.anatomy import Anatomy

Floats = NDArray[np.float64]
CALLED = ("home", "stand")  # keyframes to start from unless another is named
GIVEN = "the given start"
DEEP = 5e-3  # m inside the floor that contacts may be at the start; chosen: soft contacts rest 1 to 2 mm deep


class Pose(NamedTuple):
    """The start of an episode, and the controls of an action of 0.

    qpos: [nq], None for the model's own. qvel: [nv] or None. act: activations [na] or None. hold: controls [nu].
    text: what was chosen, in a few words. clipped: actuators whose controls the keyframe sets outside their range.
    lifted: m by which the pose was raised out of the floor.
    """

    qpos: Floats | None
    qvel: Floats | None
    act: Floats | None
    hold: Floats
    text: str
    clipped: tuple[str, ...] = ()
    lifted: float = 0.0


def find_pose(
    model: mujoco.MjModel, anatomy: Anatomy, start: str | tuple[float, ...] | None, limits: Floats, key_ctrl: set[str]
) -> Pose:
    """The pose `start`: a keyframe's name, qpos, or None for the only keyframe or one called home or stand.

    limits: [nu, 2] ranges of the controls. key_ctrl: keyframes that give controls; those of others are worked out.
    Raises ValueError for a start that does not fit the model.
    """
    key = _key(model, start)
    middle = limits.mean(1)
    if key is not None:
        name = model.key(key).name
        qpos = model.key_qpos[key].copy()
        given = name in key_ctrl or model.key_ctrl[key].any()  # those of attached models are not in key_ctrl
        hold = model.key_ctrl[key].copy() if given else _holding(model, qpos, middle, limits)
        text = f"keyframe {name!r}" if name else f"keyframe {key}"
        within = np.clip(hold, limits[:, 0], limits[:, 1])  # as MuJoCo does with controls
        clipped = [a.name for a, inside, given in zip(anatomy.actuators, within, hold, strict=True) if inside != given]
        act = model.key_act[key].copy() if model.na else None
        pose = Pose(qpos, model.key_qvel[key].copy(), act, within, text, tuple(clipped))
    elif start is not None:
        pose = Pose(_given(model, np.asarray(start, dtype=np.float64)), None, None, middle, GIVEN)
    else:
        pose = Pose(None, None, None, middle, "the model's own pose")
    return pose


def _key(model: mujoco.MjModel, start: str | tuple[float, ...] | None) -> int | None:
    names = [model.key(k).name for k in range(model.nkey)]
    if isinstance(start, str):
        if start not in names:
            known = ", ".join(filter(None, names)) or "none"
            raise ValueError(f"start is {start!r}, which is no keyframe of the model, expected one of {known}")
        return names.index(start)
    if start is not None:
        return None
    if len(names) == 1:
        return 0
    plain = [name.rpartition("/")[2] for name in names]  # a model that is attached to another has a prefix
    choices = [known.index(name) for known in (names, plain) for name in CALLED if known.count(name) == 1]
    return next(iter(choices), None)


def _given(model: mujoco.MjModel, qpos: Floats) -> Floats:
    if qpos.shape != (model.nq,) or not np.isfinite(qpos).all():
        raise ValueError(f"start has {qpos.size} numbers, expected the {model.nq} of qpos, finite")
    return qpos


def _holding(model: mujoco.MjModel, qpos: Floats, middle: Floats, limits: Floats) -> Floats:
    """Controls that keep position servos where they are in a pose; the middle of the range for others."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_fwdPosition(model, data)
    servos = np.array([is_position_servo(model, i) for i in range(model.nu)], dtype=bool)
    return np.where(servos, np.clip(data.actuator_length, limits[:, 0], limits[:, 1]), middle)


def lifted(model: mujoco.MjModel, anatomy: Anatomy, pose: Pose) -> Pose:
    """A pose raised until nothing of the robot lies deep in the floor. Raises ValueError where that cannot be done."""
    start = model.qpos0 if pose.qpos is None else pose.qpos
    depth = _depth(model, anatomy, start)
    if depth <= DEEP:
        return pose
    if anatomy.height is None:
        raise ValueError(f"{pose.text} lies {depth:.3f} m inside the floor, and cannot be lifted: name another start")
    qpos = start.copy()
    for _ in range(5):
        qpos[anatomy.height] += depth
        if (more := _depth(model, anatomy, qpos)) <= DEEP:
            return pose._replace(qpos=qpos, lifted=float(qpos[anatomy.height] - start[anatomy.height]))
        depth = more
    raise ValueError(f"{pose.text} lies {depth:.3f} m inside the floor however it is lifted: name another start")


def _depth(model: mujoco.MjModel, anatomy: Anatomy, qpos: Floats) -> float:
    """How deep the robot lies in the floor, m."""
    if anatomy.floor is None:
        return 0.0
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_fwdPosition(model, data)
    floor, mine = anatomy.floor.geom, set(anatomy.bodies)
    depths = [
        -float(c.dist)
        for c in data.contact
        if floor in c.geom and any(int(model.geom_bodyid[g]) in mine for g in c.geom if g >= 0)
    ]
    return max(depths, default=0.0)
