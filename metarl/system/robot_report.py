"""What is understood of a robot's model: its parts, its start, what may vary in it and what may not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np
import torch

from envs.core import Variable
from envs.legged.base import check_base
from envs.legged.feet import find_feet
from envs.locomotion.checks import LACKS, MEETS, check_effects, check_fit
from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.robot import Robot
from envs.robots.understood import Understood
from envs.simulation import BatchSimulator
from envs.variations.registry import VARIATIONS
from envs.wording import count_of

JOINTS = ("free", "ball", "slide", "hinge")
INTEGRATORS = ("Euler", "RK4", "implicit", "implicitfast")
UNITS = {"slide": "m", "hinge": "rad"}
STEPS = 100


class RobotReport(NamedTuple):
    """Rows of the tables of `metarl doctor --robot`: facts (name, text), actuators, joints, variables."""

    facts: list[tuple[str, str]]
    actuators: list[tuple[str, ...]]  # name, acts on, range of its control, where that is from, at action 0
    joints: list[tuple[str, ...]]  # name, kind, range, damping
    variables: list[tuple[str, str]]  # name, why it is refused; empty if it may vary


def report(name: str) -> RobotReport:
    """What is understood of a robot, by name or MJCF file. Raises ValueError for what is not."""
    robot = ROBOTS[name]
    own = robot.understood()
    body = robot.body(BatchSimulator(own.model, 1, 1))
    held = robot.control(body, torch.zeros_like(body.act))[0].numpy()  # [nu], also where it has a control of its own
    own = own._replace(pose=own.pose._replace(hold=held))
    return RobotReport(
        [*_facts(robot, own), ("follows commands", _commanded(robot)), ("simulation", _tried(robot))],
        _actuators(own),
        _joints(own),
        _refused(robot),
    )


def picture(name: str, path: Path, width: int = 960, height: int = 540) -> None:
    """A picture of a robot in its start pose, on its floor. The renderer has to be chosen before."""
    from matplotlib.image import imsave

    from envs.locomotion.scenery import Stage

    family = _family(ROBOTS[name])
    pose = family.robot.understood().pose.qpos
    stage = Stage(family, width, height)
    imsave(path, stage.draw(family.model, family.model.qpos0 if pose is None else pose))
    stage.close()


def _family(robot: type[Robot]) -> Locomotion:
    """A family in which nothing varies."""
    return Locomotion(robot, (), reward=lambda motion, task: motion.velocity[:, 0])


def _commanded(robot: type[Robot]) -> str:
    """The feet of tasks of kind legged by name, or why there are no such tasks for it."""
    try:
        check_base(robot)
        return f"yes, on {', '.join(foot.name for foot in find_feet(robot))}"
    except ValueError as error:
        return f"no: {error}"


def _facts(robot: type[Robot], own: Understood) -> list[tuple[str, str]]:
    model, anatomy = own.model, own.anatomy
    moves = {"free": "free joint", "sliding": "slide joints", "fixed": "fixed to the world"}[anatomy.base]
    bodies, mass = count_of(len(anatomy.bodies), "body", "bodies"), model.body_subtreemass[anatomy.bodies[0]]
    floor = (
        f"{_geom(model, anatomy.floor.geom)}, {anatomy.floor.kind(model)} at {anatomy.floor.height:g} m"
        if anatomy.floor
        else "none"
    )
    height = "none" if anatomy.height is None else f"qpos[{anatomy.height}]"
    where = ", ".join(f"qpos[{i}]" for i in anatomy.position) or "of its centre of mass"
    step = robot.frame_skip * model.opt.timestep
    keys = ", ".join(model.key(k).name or str(k) for k in range(model.nkey)) or "none"
    lift = f", lifted by {own.pose.lifted:.3f} m" if own.pose.lifted else ""
    return [
        ("model", str(robot.model_file)),
        ("root", f"{model.body(anatomy.root).name or anatomy.root}: {moves}; {bodies}, {mass:.3g} kg"),
        ("position, height", f"{where}; {height}"),
        ("floor", floor),
        ("feet", ", ".join(_feet(own)) or "none on the floor at the start"),
        ("start", f"{own.pose.text}{lift}; keyframes: {keys}"),
        (
            "control step",
            f"{step:g} s: {robot.frame_skip} x {model.opt.timestep:g} s, {INTEGRATORS[model.opt.integrator]}",
        ),
        *(("note", note) for note in own.notes),
    ]


def _geom(model: mujoco.MjModel, index: int) -> str:
    return model.geom(index).name or f"geom{index}"


def _feet(own: Understood) -> list[str]:
    """The geoms that were on the floor within half a second of the start."""
    model, floor = own.model, own.anatomy.floor
    if floor is None:
        return []
    data = mujoco.MjData(model)
    data.qpos[:] = model.qpos0 if own.pose.qpos is None else own.pose.qpos
    data.ctrl[:] = own.pose.hold
    pairs: list[tuple[int, ...]] = []
    for _ in range(max(round(0.5 / model.opt.timestep), 1)):
        mujoco.mj_step(model, data)
        pairs += [tuple(int(g) for g in contact.geom) for contact in data.contact]
    on_it = {g for pair in pairs if floor.geom in pair for g in pair if g != floor.geom}
    return sorted(_geom(model, g) for g in on_it if int(model.geom_bodyid[g]) in own.anatomy.bodies)


def _actuators(own: Understood) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for actuator, (low, high), hold in zip(own.anatomy.actuators, own.limits, own.pose.hold, strict=True):
        on = f"{actuator.kind} {actuator.target}".strip()
        rows.append((actuator.name, on, f"{low:z.4g} to {high:z.4g}", actuator.origin, f"{hold:z.4g}"))
    return rows


def _joints(own: Understood) -> list[tuple[str, ...]]:
    model = own.model
    rows: list[tuple[str, ...]] = []
    for j in range(model.njnt):
        if int(model.jnt_bodyid[j]) in own.anatomy.bodies:
            kind = JOINTS[int(model.jnt_type[j])]
            low, high = model.jnt_range[j]
            span = f"{low:z.4g} to {high:z.4g} {UNITS.get(kind, 'rad')}" if model.jnt_limited[j] else "no limit"
            damping = f"{float(model.dof_damping[model.jnt_dofadr[j]]):.4g}"
            rows.append((model.joint(j).name or f"joint{j}", kind, span, damping))
    return rows


def _refused(robot: type[Robot]) -> list[tuple[str, str]]:
    """Each terrain and variation of the dynamics, and why this robot cannot have it."""
    own, rows = robot.understood(), []
    for name, variation in sorted(VARIATIONS.items().items()):
        if variation.kind == "goal" or any(name in v.options for v in VARIATIONS.items().values()):
            continue
        try:
            if "floor" in variation.needs and not MEETS["floor"](robot):
                raise ValueError(LACKS["floor"].format(robot=robot.__name__, names=name))
            check_fit(robot, {name}, own_reward=True)
            check_effects((Variable(name, ((0.5, 0.9),)),), own.model, own.anatomy)
            why = ""
        except ValueError as error:
            why = str(error)
        rows.append((name, why))
    return rows


def _tried(robot: type[Robot]) -> str:
    """What 100 control steps of random actions do."""
    family = _family(robot)
    sim = BatchSimulator(family.model, 1, 1)
    body = robot.body(sim)
    rng = np.random.default_rng(0)
    robot.reset_state(sim, torch.Generator().manual_seed(0))
    sim.forward()
    for _ in range(STEPS):
        body.act = torch.from_numpy(rng.uniform(-1, 1, (1, family.space.act)))
        sim.step(robot.control(body, body.act), robot.frame_skip)
        if bool(sim.diverged.any()):
            return "diverged within 100 random steps: a smaller timestep, or weaker motors, may help"
    observed = f"{count_of(family.space.obs, 'observation')}, {count_of(family.space.act, 'action')}"
    return f"{observed}; 100 random steps without diverging"
