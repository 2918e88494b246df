"""Spaces of environments, and the units of actions."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from envs.core import Space
from envs.locomotion.family import Locomotion
from envs.named import build_family
from metarl.deploy.controls import controls_of
from metarl.deploy.spaces import ActionUnits, Controls, fitting
from metarl.errors import UserError


def test_actions_come_out_in_the_units_of_the_box() -> None:
    """Of 10 policy units 5 are half of the action: three quarters of the way from 2 to 6, and what is above is 6."""
    units = ActionUnits(Space(3, 1), 10.0, Box(2.0, 6.0, (1,), np.float32))
    assert units.of(torch.tensor([[-10.0], [0.0], [5.0], [25.0]])).flatten().tolist() == [2.0, 4.0, 5.0, 6.0]


def test_the_controls_of_the_robot_hold_its_pose_where_the_bounds_are_theirs() -> None:
    """An action of 0 is what the robot holds, and not the middle of [-1, 2]."""
    controls = Controls(np.array([-1.0]), np.array([0.0]), np.array([2.0]))
    own = ActionUnits(Space(3, 1), 1.0, Box(-1.0, 2.0, (1,)), controls)
    assert own.of(torch.tensor([[-1.0], [0.0], [0.5]])).flatten().tolist() == [-1.0, 0.0, 1.0]
    other = ActionUnits(Space(3, 1), 1.0, Box(-1.0, 3.0, (1,)), controls)
    assert other.of(torch.tensor([[0.0]])).item() == 1.0


def test_discrete_actions_are_numbers_from_the_start_of_their_space() -> None:
    act = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert ActionUnits(Space(1, 3, True), 1.0).of(act).tolist() == [1, 0]
    assert ActionUnits(Space(1, 3, True), 1.0, Discrete(3, start=-1)).of(act).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("observed", "acted"),
    [
        (Box(-1, 1, (4,)), Box(-1, 1, (2,))),
        (Box(-1, 1, (3, 1)), Box(-1, 1, (2,))),
        (Box(-1, 1, (3,)), Box(-1, 1, (3,))),
        (Box(-1, 1, (3,)), Discrete(2)),
        (gymnasium.spaces.Dict({"a": Box(-1, 1, (3,))}), Box(-1, 1, (2,))),
    ],
    ids=["observations", "rows and columns", "actions", "discrete", "names"],
)
def test_other_spaces_are_refused_with_both(observed: gymnasium.Space, acted: gymnasium.Space) -> None:
    with pytest.raises(
        UserError, match=r"has observations .* and actions .*, but my_run was trained on 3 numbers and 2"
    ):
        fitting(observed, acted, Space(3, 2), 0, "my_run")


def test_actions_without_limits_are_refused() -> None:
    with pytest.raises(UserError, match=r"actions Box\(2\) without limits"):
        fitting(Box(-1, 1, (3,)), Box(-np.inf, np.inf, (2,)), Space(3, 2), 0, "my_run")


def test_observations_that_hold_the_task_are_known_by_their_number() -> None:
    acted = Box(-1, 1, (2,))
    assert fitting(Box(-1, 1, (5,)), acted, Space(3, 2), 2, "my_run")
    assert not fitting(Box(-1, 1, (3,)), acted, Space(3, 2), 2, "my_run")


@pytest.mark.parametrize(("robot", "end"), [("HalfCheetah", 1.0), ("Humanoid", 0.4)])
def test_controls_are_those_of_gymnasium(robot: str, end: float) -> None:
    controls = controls_of(build_family(f"{robot}Velocity"))
    space = gymnasium.make(f"{robot}-v5").action_space
    assert controls is not None
    assert isinstance(space, Box)
    np.testing.assert_allclose(controls.low, space.low)
    np.testing.assert_allclose(controls.high, np.full(space.shape, end), rtol=1e-6)
    assert not controls.hold.any()


def test_controls_of_the_quadruped_are_angles_around_standing() -> None:
    """An action of 1 moves the thigh by 0.8 rad from 0.84 rad."""
    family = build_family("QuadrupedVelocity")
    assert isinstance(family, Locomotion)
    controls = controls_of(family)
    assert controls is not None
    np.testing.assert_allclose((controls.low[1], controls.hold[1], controls.high[1]), (0.04, 0.84, 1.64))
