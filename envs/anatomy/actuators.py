"""The actuators of a model: their names, what they act on, the range of their controls.

An actuator may act on a joint, a tendon, a site, a body (adhesion) or a slider-crank.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from envs.anatomy.names import free

Gain, Bias, Dynamics, Transmission = mujoco.mjtGain, mujoco.mjtBias, mujoco.mjtDyn, mujoco.mjtTrn
JOINTS = (Transmission.mjTRN_JOINT, Transmission.mjTRN_JOINTINPARENT)
SCALAR = (int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE))
TARGETS = {  # what the name of a target is looked up in
    Transmission.mjTRN_JOINT: ("joint", mujoco.mjtObj.mjOBJ_JOINT),
    Transmission.mjTRN_JOINTINPARENT: ("joint", mujoco.mjtObj.mjOBJ_JOINT),
    Transmission.mjTRN_TENDON: ("tendon", mujoco.mjtObj.mjOBJ_TENDON),
    Transmission.mjTRN_SITE: ("site", mujoco.mjtObj.mjOBJ_SITE),
    Transmission.mjTRN_SLIDERCRANK: ("site", mujoco.mjtObj.mjOBJ_SITE),
    Transmission.mjTRN_BODY: ("body", mujoco.mjtObj.mjOBJ_BODY),
}
KNOWN_GAINS = (Gain.mjGAIN_FIXED, Gain.mjGAIN_AFFINE, Gain.mjGAIN_MUSCLE)
KNOWN_BIASES = (Bias.mjBIAS_NONE, Bias.mjBIAS_AFFINE, Bias.mjBIAS_MUSCLE)
OWN_RANGE = "its control range"
UNIT = (-1.0, 1.0)  # controls of a motor without any limit


class Actuator(NamedTuple):
    """One actuator.

    name: its own, or that of its target where it is the only one there, else `motor` and its index.
    low, high: range of its control; None where the model does not say.
    origin: where that range is from.
    dofs: the degrees of freedom that it moves.
    """

    name: str
    target: str
    kind: str  # joint, tendon, site, body
    low: float | None
    high: float | None
    origin: str
    dofs: tuple[int, ...]


def find_actuators(model: mujoco.MjModel) -> tuple[Actuator, ...]:
    """Every actuator once. Raises ValueError for a kind that is not understood, or that is switched off."""
    targets = [_target(model, i) for i in range(model.nu)]
    names, dofs = _names(model, [target for _, target in targets]), _moved_dofs(model)
    found = []
    for i, (kind, target) in enumerate(targets):
        _check_kind(model, i, names[i])
        _check_works(model, i, names[i])
        low, high, origin = _control_range(model, i)
        found.append(Actuator(names[i], target, kind, low, high, origin, dofs[i]))
    return tuple(found)


def _names(model: mujoco.MjModel, targets: list[str]) -> list[str]:
    """A name for each actuator that no other has: its own, that of a target with one actuator, or a number."""
    own = [model.actuator(i).name for i in range(model.nu)]
    taken = {*own, *targets}
    names = []
    for i, (name, target) in enumerate(zip(own, targets, strict=True)):
        alone = bool(target) and targets.count(target) == 1 and target not in own
        names.append(name or (target if alone else free(f"motor{i}", taken)))
    return names


def places(actuators: tuple[Actuator, ...]) -> dict[str, list[int]]:
    """Names to indices: each actuator's own name, then what it acts on, which may have several."""
    named = {a.name: [i] for i, a in enumerate(actuators)}
    for target in {a.target for a in actuators if a.target}:
        named.setdefault(target, [i for i, a in enumerate(actuators) if a.target == target])
    return named


def _target(model: mujoco.MjModel, index: int) -> tuple[str, str]:
    transmission = Transmission(int(model.actuator_trntype[index]))
    if transmission not in TARGETS:
        raise ValueError(
            f"actuator {model.actuator(index).name or index} acts through {transmission.name}, "
            "expected a joint, a tendon, a site, a body or a slider-crank"
        )
    kind, table = TARGETS[transmission]
    return kind, mujoco.mj_id2name(model, table, int(model.actuator_trnid[index, 0])) or ""


def _check_kind(model: mujoco.MjModel, index: int, name: str) -> None:
    gain, bias = int(model.actuator_gaintype[index]), int(model.actuator_biastype[index])
    dynamics = Dynamics(int(model.actuator_dyntype[index]))
    if model.actuator_plugin[index] >= 0 or dynamics == Dynamics.mjDYN_USER:
        raise ValueError(f"actuator {name} is computed by a plugin or by user code, expected one that MuJoCo computes")
    if gain not in KNOWN_GAINS or bias not in KNOWN_BIASES:
        raise ValueError(
            f"actuator {name} is of a kind ({Gain(gain).name}, {Bias(bias).name}) that is not understood, expected a "
            "motor, position, velocity, general, adhesion or muscle actuator"
        )


def _check_works(model: mujoco.MjModel, index: int, name: str) -> None:
    group = int(model.actuator_group[index])
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_ACTUATION:
        raise ValueError(f"actuator {name} moves nothing, because the model disables actuation: remove that flag")
    if 0 <= group < 31 and model.opt.disableactuator >> group & 1:
        raise ValueError(f"actuator {name} moves nothing, because its group {group} is disabled: leave it out")


def _moved_dofs(model: mujoco.MjModel) -> list[tuple[int, ...]]:
    """The degrees of freedom that each actuator moves, at two poses: a lever arm can vanish at one."""
    data, moved = mujoco.MjData(model), [set[int]() for _ in range(model.nu)]
    for qpos in (model.qpos0, model.qpos0 + 0.01):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = qpos
        mujoco.mj_normalizeQuat(model, data.qpos)
        mujoco.mj_fwdPosition(model, data)
        for i in range(model.nu):
            start, count = int(data.moment_rowadr[i]), int(data.moment_rownnz[i])
            entries = slice(start, start + count)
            columns, arms = data.moment_colind[entries], data.actuator_moment.ravel()[entries]
            moved[i] |= {int(c) for c, arm in zip(columns, arms, strict=True) if arm}
    return [tuple(sorted(dofs)) for dofs in moved]


def _control_range(model: mujoco.MjModel, index: int) -> tuple[float | None, float | None, str]:
    """The range of a control: the actuator's own, else what follows from the model, else None."""
    if model.actuator_ctrllimited[index]:
        return *_pair(model.actuator_ctrlrange[index]), OWN_RANGE
    if int(model.actuator_dyntype[index]) == Dynamics.mjDYN_MUSCLE:
        return 0.0, 1.0, "the range of a muscle"
    if _is_servo(model, index, 1):
        return _servo_range(model, index)
    if _is_servo(model, index, 2) or int(model.actuator_dyntype[index]) != Dynamics.mjDYN_NONE:
        return None, None, "unknown"
    return _motor_range(model, index)


def _is_servo(model: mujoco.MjModel, index: int, entry: int) -> bool:
    """Whether the force is k * (ctrl - length) for entry 1, k * (ctrl - velocity) for entry 2."""
    gain, bias = model.actuator_gainprm[index, 0], model.actuator_biasprm[index, entry]
    return bool(int(model.actuator_biastype[index]) == Bias.mjBIAS_AFFINE and bias and np.isclose(gain, -bias))


def is_position_servo(model: mujoco.MjModel, index: int) -> bool:
    """Whether its control is the length that it holds."""
    return _is_servo(model, index, 1)


def _servo_range(model: mujoco.MjModel, index: int) -> tuple[float | None, float | None, str]:
    """The range of the joint or tendon that a position servo holds, in units of the actuator's length."""
    target, transmission = int(model.actuator_trnid[index, 0]), int(model.actuator_trntype[index])
    if transmission in JOINTS and model.jnt_limited[target] and int(model.jnt_type[target]) in SCALAR:
        ends = np.sort(model.jnt_range[target] * model.actuator_gear[index, 0])
        return *_pair(ends), "the range of its joint"
    if transmission == Transmission.mjTRN_TENDON and model.tendon_limited[target]:
        ends = np.sort(model.tendon_range[target] * model.actuator_gear[index, 0])
        return *_pair(ends), "the range of its tendon"
    return None, None, "unknown"


def _motor_range(model: mujoco.MjModel, index: int) -> tuple[float | None, float | None, str]:
    """What gives the full force of a motor with a limited one; else -1 to 1."""
    gain = float(model.actuator_gainprm[index, 0])
    if int(model.actuator_gaintype[index]) != Gain.mjGAIN_FIXED or not gain:
        return None, None, "unknown"
    if model.actuator_forcelimited[index]:
        return *_pair(np.sort(model.actuator_forcerange[index] / gain)), "its force range"
    target, gear = int(model.actuator_trnid[index, 0]), float(model.actuator_gear[index, 0])
    transmission = int(model.actuator_trntype[index])
    if transmission in JOINTS and model.jnt_actfrclimited[target] and gear:
        return *_pair(np.sort(model.jnt_actfrcrange[target] / (gain * gear))), "the force range of its joint"
    if transmission == Transmission.mjTRN_TENDON and model.tendon_actfrclimited[target]:
        return *_pair(np.sort(model.tendon_actfrcrange[target] / gain)), "the force range of its tendon"
    return *UNIT, "no limit in the model: -1 to 1"


def _pair(ends: np.ndarray) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])
