"""The payload against a body compiled into the model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly
from tests.envs.variations.by_hand import actions, by_hand, driven, stepped, worlds_of


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
    model.body("load").mass = worlds.sim.mujoco_view(0)[0].body("metarl/payload").mass
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
