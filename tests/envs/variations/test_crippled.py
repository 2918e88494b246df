"""Disabled joints and legs."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly
from tests.envs.variations.by_hand import actions, by_hand, driven, worlds_of


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
def test_a_disabled_motor_is_one_without_control(robot: str, task: dict[str, float], dead: list[int]) -> None:
    acts = actions(worlds_of(robot, task).sim.model.nu)
    states = driven(worlds_of(robot, task), acts)[:, 0]
    assert np.array_equal(states, by_hand(robot, acts * ~np.isin(np.arange(acts.shape[1]), dead)))
    assert np.array_equal(states, by_hand(robot, acts)) == (not dead)


@pytest.mark.parametrize("robot", ["half_cheetah", "walker2d", "ant", "humanoid", "quadruped"])
def test_the_motors_of_a_leg_move_one_branch_of_the_model(robot: str) -> None:
    """Below the body that the leg's first motor moves; and every other motor of that branch is the leg's too."""
    model = compile_quietly(ROBOTS[robot].spec())
    moved = [int(model.jnt_bodyid[joint]) for joint in model.actuator_trnid[:, 0]]
    for leg in ROBOTS[robot].legs:
        branch = {moved[leg[0]]}
        for body in range(model.nbody):
            branch |= {body} if int(model.body_parentid[body]) in branch else set()
        assert {i for i, body in enumerate(moved) if body in branch} == set(leg)


def test_a_disabled_servo_applies_no_force_and_motor_scales_the_torque_limit() -> None:
    """The quadruped's limits are 23.7 N m at hips and thighs, 35.55 at calves; distant targets exceed them."""
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
