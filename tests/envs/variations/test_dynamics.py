"""Every dynamics variation against the same change made by hand in a model of its own, stepped by plain `mj_step`."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots import ROBOTS
from envs.robots.quadruped import REACH, STAND
from envs.robots.robot import compile_quietly

Floats = NDArray[np.float64]
Edit = Callable[[mujoco.MjModel], None]
View = Callable[[mujoco.MjModel], Floats]  # numbers of a model, live
STEPS = 50


def worlds_of(robot: str, *tasks: dict[str, float], variables: tuple[Variable, ...] = ()) -> LocomotionWorlds:
    """One world for each task, at the model's initial state; actions are controls of motors of unit range."""
    values = {name: sorted({task.get(name, 1.0) for task in tasks}) for name in tasks[0]}
    named = variables or tuple(Variable(name, tuple((v, v) for v in found)) for name, found in values.items())
    family = Locomotion(
        robot, (Variable("direction", ((1.0, 1.0),)), *named), horizon=STEPS, action_scale=1.0, num_threads=1
    )
    rows = [dict.fromkeys(family.names, 1.0) | task for task in tasks]
    worlds = family.worlds(Tasks.from_json(rows), 1)
    worlds.sim.reset()
    return worlds


def actions(num_motors: int, steps: int = STEPS) -> Floats:
    return np.random.default_rng(0).uniform(-1, 1, (steps, num_motors))


def driven(worlds: LocomotionWorlds, acts: Floats) -> Floats:
    """qpos and qvel after every control step, [T, W, nq + nv]."""
    states = []
    for act in acts:
        worlds.step(torch.from_numpy(act).expand(worlds.sim.num_worlds, 1, -1))
        states.append(torch.cat([worlds.sim.qpos, worlds.sim.qvel], 1).clone())
    return torch.stack(states).numpy()


def by_hand(robot: str, acts: Floats, edit: Edit = lambda model: None, late: int = 0) -> Floats:
    """The same from a plain loop of physics steps, [T, nq + nv], whose controls come `late` by so many of them."""
    model = compile_quietly(ROBOTS[robot].spec())
    edit(model)
    data = mujoco.MjData(model)
    mujoco.mj_setConst(model, data)
    mujoco.mj_resetData(model, data)
    mujoco.mj_forward(model, data)
    return stepped(model, data, np.repeat(acts, ROBOTS[robot].frame_skip, 0), late)[
        ROBOTS[robot].frame_skip - 1 :: ROBOTS[robot].frame_skip
    ]


def stepped(model: mujoco.MjModel, data: mujoco.MjData, controls: Floats, late: int = 0) -> Floats:
    """States after every physics step; no control at all before the first arrives."""
    states = []
    for i in range(len(controls)):
        data.ctrl[:] = controls[i - late] if i >= late else 0.0
        mujoco.mj_step(model, data)
        states.append(np.concatenate([data.qpos, data.qvel]))
    return np.array(states)


def times(view: View, factor: float) -> Edit:
    def edit(model: mujoco.MjModel) -> None:
        view(model)[:] *= factor

    return edit


CASES: dict[str, tuple[float, View]] = {
    "mass": (1.7, lambda m: m.body_mass),
    "mass:torso": (3.0, lambda m: m.body("torso").mass),
    "inertia": (2.3, lambda m: m.body_inertia),
    "inertia:fthigh": (5.0, lambda m: m.body("fthigh").inertia),
    "inertia_axes": (5.0, lambda m: m.body_inertia),
    "inertia_axes:bshin:y": (40.0, lambda m: m.body("bshin").inertia[1:2]),  # in this plane bodies turn about y
    "damping": (0.3, lambda m: m.dof_damping),
    "damping:bfoot": (4.0, lambda m: m.joint("bfoot").damping),
    "armature": (3.0, lambda m: m.dof_armature),
    "armature:fshin": (7.0, lambda m: m.joint("fshin").armature),
    "friction": (0.25, lambda m: m.geom_friction),
    "friction:ffoot": (4.0, lambda m: m.geom("ffoot").friction),
    "frictions": (0.25, lambda m: m.geom_friction),
    "frictions:floor:slide": (3.0, lambda m: m.geom("floor").friction[:1]),
    "motor": (0.5, lambda m: m.actuator_gear),  # the project changes gains: halves and doubles are exact in both
    "motor:fshin": (2.0, lambda m: m.actuator("fshin").gear),
}


@pytest.mark.parametrize("name", CASES)
def test_a_multiplier_equals_the_model_edited_by_hand_and_leaves_its_neighbour_stock(name: str) -> None:
    """To the bit over 50 control steps; the neighbour has the factor 1."""
    factor, view = CASES[name]
    acts = actions(6)
    states = driven(worlds_of("half_cheetah", {name: factor}, {}), acts)
    stock = by_hand("half_cheetah", acts)
    assert np.array_equal(states[:, 0], by_hand("half_cheetah", acts, times(view, factor)))
    assert np.array_equal(states[:, 1], stock)
    assert np.abs(states[:, 0] - stock).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "field", "count"),
    [
        ("mass", "body_mass", 13),
        ("inertia_axes", "body_inertia", 39),
        ("damping", "dof_damping", 8),
        ("friction", "geom_friction", 14),
        ("frictions", "geom_friction", 42),
        ("motor", "actuator_gear", 8),
    ],
)
def test_each_element_has_a_factor_of_its_own(name: str, field: str, count: int) -> None:
    """The ant's 13 bodies (4 of them nameless), 8 damped joints, 14 geoms and 8 motors, in the order of the model: the
    world is no body with mass, and the free joint has no damping. Powers of two are exact.
    """
    factors = 2.0 ** np.random.default_rng(1).integers(-2, 3, count)
    each = Variable(name, ((0.1, 10.0),), per_element=True)
    names = worlds_of("ant", {}, variables=(each,)).family.names[1:]
    assert len(names) == count
    worlds = worlds_of("ant", dict(zip(names, factors, strict=True)), variables=(each,))

    def edit(model: mujoco.MjModel) -> None:
        numbers = getattr(model, field)
        if name == "damping":
            numbers[6:] *= factors
        elif name in ("inertia_axes", "frictions"):
            numbers[-(count // 3) :] *= factors.reshape(-1, 3)
        else:
            numbers[-count:] *= factors if numbers.ndim == 1 else factors[:, None]

    acts = actions(8)
    assert np.array_equal(driven(worlds, acts)[:, 0], by_hand("ant", acts, edit))


def test_factors_multiply() -> None:
    """Mass: 2 for all times 4 for the torso, beside inertia: 0.5 for all, times 4 and 2 for a foot's."""
    task = {"mass": 2.0, "mass:torso": 4.0, "inertia": 0.5, "inertia:bfoot": 4.0, "inertia_axes:bfoot:y": 2.0}

    def edit(model: mujoco.MjModel) -> None:
        model.body_mass[:] *= 2
        model.body("torso").mass *= 4
        model.body_inertia[:] *= 0.5
        model.body("bfoot").inertia *= [4, 8, 4]

    acts = actions(6)
    assert np.array_equal(driven(worlds_of("half_cheetah", task), acts)[:, 0], by_hand("half_cheetah", acts, edit))


@pytest.mark.parametrize(("robot", "place"), [("half_cheetah", (0.4, 0.0)), ("ant", (0.3, -0.2))])
def test_a_payload_is_a_point_mass_at_its_place(robot: str, place: tuple[float, float]) -> None:
    """Against a model with a body compiled at that place, to the bit; 0.7 times the robot's whole mass."""
    task = {"payload": 0.7, "payload_x": place[0], "payload_y": place[1]}
    task = {name: task[name] for name in list(task)[: 2 if robot == "half_cheetah" else 3]}
    spec = ROBOTS[robot].spec()
    whole = compile_quietly(spec).body_mass[1:].sum()
    load = spec.body("torso").add_body(name="load", pos=[*place, 0], ipos=[0, 0, 0], mass=1e-9, inertia=[1e-12] * 3)
    load.explicitinertial = True
    load.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 0.1, 0.1], mass=0, contype=0, conaffinity=0)
    model = compile_quietly(spec)
    worlds = worlds_of(robot, task, {**task, "payload": 0.0})
    model.body("load").mass = worlds.sim.mujoco_view(0)[0].body("payload").mass
    assert model.body("load").mass[0] == pytest.approx(0.7 * whole, rel=1e-8)
    data = mujoco.MjData(model)
    mujoco.mj_setConst(model, data)
    mujoco.mj_resetData(model, data)
    mujoco.mj_forward(model, data)
    acts = actions(model.nu)
    states = driven(worlds, acts)
    assert np.array_equal(states[:, 0], stepped(model, data, np.repeat(acts, 5, 0))[4::5])
    assert np.abs(states[:10, 1] - by_hand(robot, acts)[:10]).max() < 1e-6  # of the load remains 1e-9 kg
    assert np.abs(states[:10, 0] - states[:10, 1]).max() > 1e-2


@pytest.mark.parametrize(
    ("robot", "task", "dead"),
    [
        ("half_cheetah", {"crippled_joint": 2.0}, [2]),
        ("half_cheetah", {"crippled_leg": 1.0}, [3, 4, 5]),
        ("ant", {"crippled_leg": 0.0}, [2, 3]),
        ("ant", {"crippled_leg": 3.0}, [0, 1]),
        ("walker2d", {"crippled_joint": -1.0}, []),
    ],
)
def test_a_dead_motor_is_one_without_control(robot: str, task: dict[str, float], dead: list[int]) -> None:
    acts = actions(worlds_of(robot, task).sim.model.nu)
    states = driven(worlds_of(robot, task), acts)[:, 0]
    assert np.array_equal(states, by_hand(robot, acts * ~np.isin(np.arange(acts.shape[1]), dead)))
    assert np.array_equal(states, by_hand(robot, acts)) == (not dead)


@pytest.mark.parametrize("robot", ["half_cheetah", "walker2d", "ant", "humanoid", "quadruped"])
def test_the_motors_of_a_leg_hang_on_one_branch_of_the_body(robot: str) -> None:
    """Below the body that the leg's first motor moves; and every other motor of that branch is the leg's too."""
    model = compile_quietly(ROBOTS[robot].spec())
    moved = [int(model.jnt_bodyid[joint]) for joint in model.actuator_trnid[:, 0]]
    for leg in ROBOTS[robot].legs:
        branch = {moved[leg[0]]}
        for body in range(model.nbody):
            branch |= {body} if int(model.body_parentid[body]) in branch else set()
        assert {i for i, body in enumerate(moved) if body in branch} == set(leg)


def test_a_dead_servo_applies_no_force_and_motor_scales_the_torque_limit() -> None:
    """The dog's hips and thighs give at most 23.7 N m, its calves 35.55; targets far away ask for more than that."""
    free = {"crippled_leg": -1.0, "motor": 1.0, "crippled_joint": -1.0}
    tasks = [free, free | {"crippled_leg": 2.0}, free | {"crippled_joint": 4.0}, free | {"motor": 0.5}]
    worlds = worlds_of("quadruped", *tasks)
    forces = []
    for w in range(4):
        model, data = worlds.sim.mujoco_view(w)
        data.qpos[7:], data.qvel[6:] = 1.0, 30.0
        data.ctrl[:] = -1.0
        mujoco.mj_forward(model, data)
        forces.append(data.actuator_force.copy())
    limits = np.array([23.7, 23.7, 35.55] * 4)
    assert np.array_equal(forces[0], -limits)
    assert np.array_equal(forces[1], -limits * ~np.isin(np.arange(12), [6, 7, 8]))
    assert np.array_equal(forces[2], -limits * (np.arange(12) != 4))
    assert np.array_equal(forces[3], -limits / 2)


@pytest.mark.parametrize("robot", ["half_cheetah", "hopper"])
def test_a_delay_is_a_shift_of_the_controls_by_whole_physics_steps(robot: str) -> None:
    """None, one, a control step and more, up to the longest one, over 3 s, in which sums of time steps get inexact."""
    late = [0, 1, 3, ROBOTS[robot].frame_skip, 7, 20]
    step = compile_quietly(ROBOTS[robot].spec()).opt.timestep
    worlds = worlds_of(robot, *({"delay": n * step} for n in late))
    acts = actions(worlds.sim.model.nu, round(3.0 / worlds.family.control_step))
    states = driven(worlds, acts)
    wrong = [n for i, n in enumerate(late) if not np.array_equal(states[:, i], by_hand(robot, acts, late=n))]
    assert wrong == []


def test_a_reset_forgets_the_actions_that_were_under_way() -> None:
    worlds = worlds_of("half_cheetah", {"delay": 0.2}, {"delay": 0.03})
    first = driven(worlds, actions(6))
    worlds.sim.reset(torch.tensor([True, False]))
    assert np.array_equal(driven(worlds, actions(6))[:, 0], first[:, 0])


def test_a_delayed_dog_stands_still_until_its_first_action() -> None:
    """Told to stand, it does the same with and without a delay: before the first action it has been standing too."""
    worlds = worlds_of("quadruped", {"delay": 0.0}, {"delay": 0.1})
    worlds.reset(torch.Generator().manual_seed(0))
    worlds.sim.qpos[1], worlds.sim.qvel[1] = worlds.sim.qpos[0], worlds.sim.qvel[0]
    worlds.sim.forward()
    states = driven(worlds, np.zeros((20, 12)))
    assert np.abs(states[:, 0] - states[:, 1]).max() < 1e-9


def test_the_dogs_action_moves_the_targets_around_standing() -> None:
    worlds = worlds_of("quadruped", {"motor": 1.0})
    act = actions(12)[0]
    driven(worlds, act[None])
    assert worlds.sim.ctrl[0].numpy() == pytest.approx(np.array(STAND) + act * np.array(REACH), abs=1e-12)


@pytest.mark.parametrize("robot", ["half_cheetah", "ant"])
def test_tasks_that_change_back_to_stock_leave_no_trace(robot: str) -> None:
    """Mass, motors, payload, delay, dead leg and slope come and go; then every state is that of the stock task."""
    stock = {"mass": 1.0, "friction": 1.0, "payload": 0.0, "delay": 0.0, "crippled_leg": -1.0, "slope_deg": 0.0}
    odd = {"mass": 3.0, "friction": 0.1, "payload": 1.0, "delay": 0.05, "crippled_leg": 0.0, "slope_deg": 9.0}
    worlds = worlds_of(robot, stock, odd)
    acts = actions(worlds.sim.model.nu)
    runs = []
    for task in (stock, odd, stock):
        worlds.set_tasks(Tasks.from_json([{"direction": 1.0} | task, {"direction": 1.0} | stock]))
        worlds.sim.reset()
        runs.append(driven(worlds, acts))
    assert np.array_equal(runs[0], runs[2])
    assert np.array_equal(runs[0][:, 0], runs[0][:, 1])
    assert np.array_equal(runs[0][:, 1], runs[1][:, 1])
    assert not np.array_equal(runs[0][:, 0], runs[1][:, 0])
