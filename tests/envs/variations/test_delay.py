"""Delayed actions against a shift of the controls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly
from tests.envs.variations.by_hand import actions, by_hand, driven, worlds_of


@pytest.mark.parametrize("robot", ["half_cheetah", "hopper"])
def test_a_delay_is_a_shift_of_the_controls_by_whole_physics_steps(robot: str) -> None:
    """None, one, a control step and more, up to the longest, over 3 s, in which sums of time steps become inexact."""
    late = [0, 1, 3, ROBOTS[robot].frame_skip, 7, 20]
    step = compile_quietly(ROBOTS[robot].spec()).opt.timestep
    worlds = worlds_of(robot, *({"delay": n * step} for n in late))
    acts = actions(worlds.sim.model.nu, round(3.0 / worlds.family.control_step))
    states = driven(worlds, acts)
    wrong = [n for i, n in enumerate(late) if not np.array_equal(states[:, i], by_hand(robot, acts, late=n))]
    assert wrong == []


def test_a_reset_clears_delayed_actions() -> None:
    worlds = worlds_of("half_cheetah", {"delay": 0.2}, {"delay": 0.03})
    first = driven(worlds, actions(6))
    worlds.sim.reset(torch.tensor([True, False]))
    assert np.array_equal(driven(worlds, actions(6))[:, 0], first[:, 0])


def test_a_delayed_quadruped_stands_until_its_first_action() -> None:
    """With actions of 0 it moves the same with and without a delay: the buffer is filled with standing."""
    worlds = worlds_of("quadruped", {"delay": 0.0}, {"delay": 0.1})
    worlds.reset(torch.Generator().manual_seed(0))
    worlds.sim.qpos[1], worlds.sim.qvel[1] = worlds.sim.qpos[0], worlds.sim.qvel[0]
    worlds.sim.forward()
    states = driven(worlds, np.zeros((20, 12)))
    assert np.abs(states[:, 0] - states[:, 1]).max() < 1e-9
