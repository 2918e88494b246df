"""The names of observations are those of what is observed."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from envs.classic.pearl import PearlCheetah
from envs.classic.rllab import RllabCheetah
from envs.robots.registry import ROBOTS
from envs.robots.robot import Robot, compile_quietly
from envs.robots.signals import Signal
from envs.simulation import BatchSimulator


def observed(robot: type[Robot], model: mujoco.MjModel, change: tuple[str, int, float] | None = None) -> torch.Tensor:
    """What it observes in its start pose, or where one entry of qpos or qvel is changed by some amount."""
    sim = BatchSimulator(model, 1, 1)
    sim.reset(None)
    robot.reset_state(sim, torch.Generator().manual_seed(0))
    if change:
        getattr(sim, change[0])[0, change[1]] += change[2]
    sim.forward(None)
    return robot.observe(robot.body(sim))[0]


@pytest.mark.parametrize("name", ["half_cheetah", "hopper", "walker2d", "swimmer", "ant", "quadruped"])
def test_a_signal_moves_with_the_joint_that_it_names(name: str) -> None:
    """Each angle and each speed in turn is changed by 0.01, and the number so named moves by that times its scale."""
    robot = ROBOTS[name]
    model = compile_quietly(robot.spec())
    signals, still = robot.signals(model), observed(robot, model)
    assert len(signals) == len(still)
    assert len({s.name for s in signals}) == len(signals)
    tried = 0
    for j in range(model.njnt):
        if model.jnt_type[j] != mujoco.mjtJoint.mjJNT_HINGE:
            continue
        for field, word, at in (("qpos", "angle", model.jnt_qposadr[j]), ("qvel", "velocity", model.jnt_dofadr[j])):
            moved = (observed(robot, model, (field, int(at), 0.01)) - still).numpy()
            (index,) = (i for i, s in enumerate(signals) if s.name == f"{model.joint(j).name} {word}")
            assert moved[index] == pytest.approx(0.01 * signals[index].scale, rel=1e-6)
            assert signals[index].unit == ("rad" if field == "qpos" else "rad/s")
            tried += np.count_nonzero(np.abs(moved) > 1e-9) == 1
    assert tried > 0


def test_offsets_are_subtracted() -> None:
    """The quadruped stands with its thighs at 0.84 rad, which it observes as 0."""
    robot = ROBOTS["quadruped"]
    model = compile_quietly(robot.spec())
    (index,) = (i for i, s in enumerate(robot.signals(model)) if s.name == "FL_thigh angle")
    assert robot.signals(model)[index] == Signal("FL_thigh angle", "rad", 1.0, 0.84)
    assert abs(observed(robot, model)[index]) <= robot.reset_noise


@pytest.mark.parametrize(("robot", "last"), [(PearlCheetah, "torso frame z"), (RllabCheetah, "centre of mass z")])
def test_classic_cheetahs_name_their_place_too(robot: type[Robot], last: str) -> None:
    model = compile_quietly(robot.spec("gymnasium"))
    assert len(robot.signals(model)) == len(observed(robot, model)) == 20
    assert robot.signals(model)[-1].name.startswith(last)


def test_a_robot_that_observes_something_else_has_no_names() -> None:
    robot = ROBOTS["humanoid"]
    assert robot.signals(compile_quietly(robot.spec())) == ()
