"""What a robot's model consists of and where it starts, found by structure and checked against its class attributes."""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np

from envs.anatomy.actuators import OWN_RANGE, UNIT
from envs.anatomy.anatomy import Anatomy, posed, understand
from envs.anatomy.names import check_names
from envs.anatomy.pose import GIVEN, Floats, Pose, find_pose, lifted
from envs.robots.attributes import check_attributes
from envs.robots.models import compile_noting, stamp


class Understood(NamedTuple):
    """The bare model of a robot, its parts, its start, and the ranges of its controls [nu, 2].

    notes: what was chosen where the model and the class leave a choice, one line each. stamp: of the file at that time.
    """

    model: mujoco.MjModel
    anatomy: Anatomy
    pose: Pose
    limits: Floats
    notes: tuple[str, ...]
    stamp: tuple[int, int] | None


def work_out(robot: Any, spec: mujoco.MjSpec, replaced: list[str], *, own_control: bool) -> Understood:
    """Everything about a robot class, from its editable model. Raises ValueError, in one sentence.

    replaced: options of the model that the physics replaces. own_control: whether it has a `control` of its own.
    """
    keys_with_controls = {key.name for key in spec.keys if len(key.ctrl)}
    check_names(item.name for kind in (spec.bodies, spec.geoms, spec.hfields) for item in kind)
    model, said = _compiled(robot, spec)
    if not model.nu:
        raise ValueError(f"{robot.__name__} has no actuators, expected a model whose actuators move it: add <actuator>")
    check_attributes(robot, model)
    anatomy = understand(model, robot.root, robot.floor)
    limits = _limits(robot, anatomy, own_control=own_control)
    pose = find_pose(model, anatomy, robot.start, limits, keys_with_controls)
    anatomy = stated(robot, understand(model, robot.root, robot.floor, pose.qpos))
    _check_floor(robot, model, anatomy)
    if robot.gymnasium_id is None:  # published starts are kept as they are
        pose = lifted(model, anatomy, pose)
    anatomy = _started(robot, model, anatomy, pose)
    notes = [*said, *(f"physics fast replaces {option}" for option in replaced), *_notes(model, pose)]
    if not own_control:
        notes += _notes_on_ranges(anatomy)
    return Understood(model, anatomy, pose, limits, tuple(notes), stamp(robot.model_file))


def stated(robot: Any, anatomy: Anatomy) -> Anatomy:
    """An anatomy with what the class attributes state."""
    if robot.height_index != "auto":
        anatomy = anatomy._replace(height=robot.height_index)
    if robot.hidden_positions != "auto":
        anatomy = anatomy._replace(observed=(slice(robot.hidden_positions, None),))
    return anatomy


def _started(robot: Any, model: mujoco.MjModel, anatomy: Anatomy, pose: Pose) -> Anatomy:
    """An anatomy with the place of the root at the start of an episode, and what qpos lacks of it."""
    data = posed(model, pose.qpos)
    x, y, z = (float(c) for c in data.xpos[anatomy.root].round(9))
    told = [data.qpos[i] for i in anatomy.position]
    height = z if anatomy.height is None or robot.gymnasium_id or robot.height_index != "auto" else None
    found = [*told, *(x, y)[len(told) :], data.qpos[anatomy.height] if height is None else height]
    dx, dy, dz = (float(c) for c in (np.array([x, y, z]) - found).round(9))
    return anatomy._replace(start=(x, y, anatomy.start[2]), shift=(dx, dy, dz))


def _compiled(robot: Any, spec: mujoco.MjSpec) -> tuple[mujoco.MjModel, list[str]]:
    try:
        return compile_noting(spec)
    except ValueError as error:
        raise ValueError(f"{robot.model_file} cannot be compiled: {_one_line(str(error))}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _check_floor(robot: Any, model: mujoco.MjModel, anatomy: Anatomy) -> None:
    """A robot that can fall has a floor, unless its class says that it never touches the ground."""
    weightless = not model.opt.gravity.any() or model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY
    if anatomy.height is None or anatomy.base == "fixed" or weightless:
        return
    name = robot.__name__
    if anatomy.floor is None:
        raise ValueError(
            f"{name} has no floor that it can touch, and would fall for ever: add a level plane that is fixed to the "
            "world, name the geom with floor = ..., or set height_index = None if it never touches the ground"
        )
    if not anatomy.touched[anatomy.floor.geom]:
        raise ValueError(f"{name} cannot touch its floor {robot.floor!r}: neither masks nor pairs allow that contact")


def _limits(robot: Any, anatomy: Anatomy, *, own_control: bool) -> Floats:
    """[nu, 2] ranges of the controls; a robot with a `control` of its own may leave them out."""
    if unknown := [a.name for a in anatomy.actuators if a.low is None and not own_control]:
        raise ValueError(
            f"{robot.__name__} does not say what its actuator {unknown[0]} may be set to: give it a ctrlrange, its "
            "joint a range, or override control"
        )
    ends = [UNIT if a.low is None or a.high is None else (a.low, a.high) for a in anatomy.actuators]
    return np.array(ends, dtype=np.float64).reshape(-1, 2)


def _notes(model: mujoco.MjModel, pose: Pose) -> list[str]:
    notes = [f"starts from {pose.text}"] if model.nkey and pose.text != GIVEN else []
    if pose.clipped:
        notes.append(f"{pose.text} sets the control of {pose.clipped[0]} outside its range, and the end is taken")
    if pose.lifted:
        notes.append(f"{pose.text} lay in the floor and is lifted by {pose.lifted:.3f} m")
    return notes


def _notes_on_ranges(anatomy: Anatomy) -> list[str]:
    """Where the ranges of controls are from, unless the actuators have their own."""
    derived: dict[str, list[str]] = {}
    for actuator in anatomy.actuators:
        if actuator.origin != OWN_RANGE:
            derived.setdefault(actuator.origin, []).append(actuator.name)
    return [f"controls of {names[0]}{' and others' * (len(names) > 1)}: {origin}" for origin, names in derived.items()]
