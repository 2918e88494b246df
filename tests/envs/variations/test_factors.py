"""Every factor against the same change made by hand in a separate model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from envs.core import Tasks, Variable
from tests.envs.variations.by_hand import Edit, View, actions, by_hand, driven, worlds_of


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
    """The ant's 13 bodies (4 without a name), 8 damped joints, 14 geoms and 8 motors, in the order of the model: the
    world has no mass, and the free joint has no damping. Powers of two are exact.
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
    """Mass: 2 for all times 4 for the torso, and inertia: 0.5 for all, times 4 and 2 for a foot."""
    task = {"mass": 2.0, "mass:torso": 4.0, "inertia": 0.5, "inertia:bfoot": 4.0, "inertia_axes:bfoot:y": 2.0}

    def edit(model: mujoco.MjModel) -> None:
        model.body_mass[:] *= 2
        model.body("torso").mass *= 4
        model.body_inertia[:] *= 0.5
        model.body("bfoot").inertia *= [4, 8, 4]

    acts = actions(6)
    assert np.array_equal(driven(worlds_of("half_cheetah", task), acts)[:, 0], by_hand("half_cheetah", acts, edit))


@pytest.mark.parametrize("robot", ["half_cheetah", "ant"])
def test_tasks_that_change_back_to_stock_leave_no_trace(robot: str) -> None:
    """After changes of mass, motors, payload, delay, crippled leg and slope, all states are those of the stock task."""
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
