"""Variables that do not fit the robot or each other are refused in one sentence."""

from __future__ import annotations

import pytest

from envs.core import Variable
from envs.locomotion.family import Locomotion
from tests.envs.locomotion.policies import BOTH


@pytest.mark.parametrize(
    ("robot", "names", "sentence"),
    [
        ("hopper", ("heading_deg",), "Hopper only moves along x: heading_deg needs a robot"),
        ("swimmer", ("direction", "gaps"), "Swimmer never touches the ground"),
        ("ant", ("direction", "gaps", "hills"), "at most one terrain with a shape, but got gaps, hills"),
        ("ant", ("direction", "velocity"), "exactly one goal"),
        ("ant", ("direction", "payload_x"), "vary payload too"),
        ("ant", ("direction", "slope_heading_deg"), "vary slope_deg too"),
        ("ant", ("direction", "layout"), "vary one of gaps, ground, hills, obstacles, patches, rough too"),
        ("hopper", ("direction", "crippled_leg"), "Hopper has no legs: crippled_leg needs a robot"),
        ("ant", ("direction", "mass:torsa"), "this robot has no body 'torsa', expected one of torso,"),
    ],
)
def test_variables_that_do_not_fit_are_refused_in_one_sentence(
    robot: str, names: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Locomotion(robot, tuple(Variable(name, ((1.0, 1.0),)) for name in names))


def test_values_outside_their_limits_are_refused() -> None:
    ahead = Variable("direction", ((1.0, 1.0),))
    with pytest.raises(ValueError, match=r"stairs_up 1.5 lies outside \[0, 1\] for Ant"):
        Locomotion("ant", (ahead, Variable("stairs_up", ((0.0, 1.5),))))
    with pytest.raises(ValueError, match=r"crippled_joint 8 lies outside \[-1, 7\] for Ant"):
        Locomotion("ant", (ahead, Variable("crippled_joint", ((8.0, 8.0),))))


def test_exactly_one_goal_is_required() -> None:
    with pytest.raises(ValueError, match="exactly one goal"):
        Locomotion("half_cheetah", (Variable("slope_deg", ((-1.0, 1.0),)),))
    with pytest.raises(ValueError, match=r"there is no variable 'slop': did you mean slope_deg\?"):
        Locomotion("half_cheetah", (BOTH, Variable("slop", ((-1.0, 1.0),))))
