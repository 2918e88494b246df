"""Dynamics: the robot's own physics. Multipliers of the stock values, for all elements or for each one."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from envs.robots.robot import Robot
from envs.variations.catalogue import VARIABLE_SPECS, base_name
from envs.variations.goals import Task
from envs.variations.params import Params, elements, factors

PAYLOAD = "payload"  # name of the body
GROUND = "terrain_"  # how names of the ground's geoms begin
TORSO = 1  # body id of the root
FIELDS: dict[str, tuple[str, ...]] = {  # the model fields that a multiplier multiplies
    "mass": ("body_mass",),
    "inertia": ("body_inertia",),
    "inertia_axes": ("body_inertia",),
    "damping": ("dof_damping",),
    "armature": ("dof_armature",),
    "friction": ("geom_friction",),  # sliding, torsional, rolling; of the ground and of the body alike
    "frictions": ("geom_friction",),
    "motor": ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange"),  # torque for the same control
}


def prepare(spec: mujoco.MjSpec, names: set[str], longest_delay: float) -> None:
    """Add to a model what some dynamics need: the body of a load, the memory of a delay."""
    if PAYLOAD in names:
        load = next(b for b in spec.bodies if b.name != "world").add_body(
            name=PAYLOAD, mass=1e-9, inertia=[1e-12] * 3, explicitinertial=True
        )
        load.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.08, 0.08, 0.04],
            rgba=[0.2, 0.2, 0.25, 1],
            mass=0,
            contype=0,
            conaffinity=0,
        )
    if "delay" in names:
        for motor in spec.actuators:
            motor.delay = longest_delay
            motor.nsample = int(longest_delay / spec.option.timestep) + 2


def varying(model: mujoco.MjModel, name: str) -> list[str]:
    """The elements of which a multiplier changes something: part of the robot or its floor, and not zero."""
    kind = VARIABLE_SPECS[name].per_element
    assert kind is not None
    stock = getattr(model, FIELDS[name][0])
    stock = stock.reshape(-1) if kind in ("axis", "coefficient") else stock.reshape(len(stock), -1).any(1)
    own = {n: places for n, places in elements(model, kind).items() if not n.startswith((PAYLOAD, GROUND))}
    return [n for n, places in own.items() if stock[places].any()]


def apply(params: Params, task: Task, robot: type[Robot]) -> Tensor | None:
    """Write the physics of each world; returns which motors work, as `working` does."""
    model = params.model
    mentioned = {base_name(name) for name in task}
    for name in FIELDS.keys() & mentioned:
        kind = VARIABLE_SPECS[name].per_element
        assert kind is not None
        for field in FIELDS[name]:
            size = params[field][0].numel() if kind in ("axis", "coefficient") else params[field].shape[1]
            params.scale(field, factors(task, name, elements(model, kind), size, params.num_worlds))
    if PAYLOAD in task:
        _load(params, task)
    if (works := working(model, task, robot)) is not None:
        for field in ("actuator_gainprm", "actuator_biasprm"):
            params.scale(field, works)
    if "delay" in task:
        params["actuator_delay"] = _lateness(task["delay"], model)[:, None].expand(-1, model.nu).clone()
    return works


def _lateness(delay: Tensor, model: mujoco.MjModel) -> Tensor:
    """Delays [W] in s as MuJoCo shall read them: whole physics steps, rounded, less half a step.

    MuJoCo compares times that it has summed up: without the half step, rounding would let some actions act early.
    """
    step, longest = float(model.opt.timestep), model.opt.timestep * (int(model.actuator_history[0, 0]) - 2)
    if delay.max() > longest + step:
        raise ValueError(f"delay {delay.max():g} s is longer than the family's longest, {longest:g} s")
    return ((delay / step).round() - 0.5).clamp(min=0) * step


def _load(params: Params, task: Task) -> None:
    """A load on the torso, as a point: its mass in units of the robot's, its place in the torso's frame."""
    body = params.model.body(PAYLOAD).id
    params["body_mass"][:, body] = task[PAYLOAD] * params.model.body_subtreemass[TORSO]
    for axis, name in enumerate(("payload_x", "payload_y")):
        if name in task:
            params["body_pos"][:, body, axis] = task[name]


def working(model: mujoco.MjModel, task: Task, robot: type[Robot]) -> Tensor | None:
    """1 for each motor that works and 0 for a dead one, [W, nu]; None where no task cripples any."""
    groups: dict[str, list[tuple[int, ...]]] = {
        "crippled_joint": [(i,) for i in range(model.nu)],
        "crippled_leg": list(robot.legs),
    }
    works = None
    for name in groups.keys() & task.keys():
        works = torch.ones(len(task[name]), model.nu, dtype=torch.float64) if works is None else works
        for i, group in enumerate(groups[name]):
            works[:, list(group)] *= (task[name] != i).double()[:, None]
    return works
