"""Where a robot starts, and what an action of 0 holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.envs.anatomy.dogs import dog, family_of, robot_of, stood

BENT = "0 0 .3 1 0 0 0 .4 .4 -.4 -.4"
HIGH = "0 0 .5 1 0 0 0 0 0 0 0"


def keys(*named: tuple[str, str, str]) -> str:
    """Keyframes: name, qpos, further attributes."""
    return f"<keyframe>{''.join(f'<key name={n!r} qpos={q!r} {more}/>' for n, q, more in named)}</keyframe>"


def start_of(folder: Path, *named: tuple[str, str, str], start: object = None) -> list[float]:
    """The joint angles at the start."""
    robot = robot_of(folder, dog(extra=keys(*named)), start=start)
    worlds = family_of(robot).worlds(family_of(robot).sample(1, "train", torch.Generator()), 1)
    worlds.reset(torch.Generator())
    return [round(q, 6) for q in worlds.body.qpos[0].tolist()]


def test_the_only_keyframe_is_the_start(tmp_path: Path) -> None:
    assert start_of(tmp_path, ("crouch", BENT, ""))[7:] == [0.4, 0.4, -0.4, -0.4]


def test_home_and_stand_are_preferred_and_others_can_be_named(tmp_path: Path) -> None:
    both = (("other", HIGH, ""), ("stand", BENT, ""))
    assert start_of(tmp_path, *both)[7] == 0.4
    assert start_of(tmp_path, *both, start="other")[2] == 0.5
    with pytest.raises(
        ValueError, match="start is 'hom', which is no keyframe of the model, expected one of other, stand"
    ):
        start_of(tmp_path, *both, start="hom")


def test_of_several_keyframes_without_a_known_name_none_is_guessed(tmp_path: Path) -> None:
    assert start_of(tmp_path, ("a", HIGH, ""), ("b", BENT, ""))[7:] == [0.0] * 4


def test_an_action_of_zero_holds_the_controls_of_the_keyframe(tmp_path: Path) -> None:
    """And actions of -1 and 1 are the ends of the range, on both sides in a line."""
    robot = robot_of(tmp_path, dog(extra=keys(("home", BENT, 'ctrl=".5 .5 -.5 -.5"'))))
    worlds = stood(family_of(robot), 0)
    for action, expected in ((0.0, [0.5, 0.5, -0.5, -0.5]), (1.0, [1.0] * 4), (-1.0, [-1.0] * 4)):
        controls = robot.control(worlds.body, torch.full((1, 4), action).double())
        assert controls.tolist() == [pytest.approx(expected)]
    half = robot.control(worlds.body, torch.tensor([[0.5, -0.5, 0.5, -0.5]]).double())
    assert half.tolist() == [pytest.approx([0.75, -0.25, 0.25, -0.75])]


def test_servos_hold_the_pose_of_a_keyframe_without_controls(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(extra=keys(("home", BENT, ""))))
    assert robot.understood().pose.hold.tolist() == pytest.approx([0.4, 0.4, -0.4, -0.4])


def test_controls_of_a_keyframe_outside_their_range_are_clipped_and_told(tmp_path: Path) -> None:
    own = robot_of(tmp_path, dog(extra=keys(("home", BENT, 'ctrl="3 0 0 0"')))).understood()
    assert own.pose.hold.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert any("sets the control of to_fl outside its range" in note for note in own.notes)


def test_activations_and_velocities_of_a_keyframe_are_set(tmp_path: Path) -> None:
    muscles = "".join(f'<muscle joint="hip_{leg}" lengthrange="-1 1"/>' for leg in ("fl", "fr"))
    key = ("home", BENT, 'act=".3 .6" qvel="1 0 0 0 0 0 0 0 0 0"')
    robot = robot_of(tmp_path, dog(actuators=muscles, extra=keys(key)))
    family = family_of(robot)
    worlds = family.worlds(family.sample(2, "train", torch.Generator()), 1)
    worlds.reset(torch.Generator())
    worlds.step(torch.ones(2, 1, 2))
    worlds.reset(torch.Generator(), torch.tensor([[True], [False]]))
    assert worlds.sim.activation[0].tolist() == [0.3, 0.6]
    assert worlds.sim.activation[1].tolist() != [0.3, 0.6]
    assert worlds.body.qvel[0, 0] == 1.0


def test_a_start_inside_the_floor_is_lifted_and_told(tmp_path: Path) -> None:
    sunk = "0 0 .2 1 0 0 0 0 0 0 0"
    robot = robot_of(tmp_path, dog(extra=keys(("home", sunk, ""))))
    pose = robot.understood().pose
    assert pose.lifted == pytest.approx(0.09, abs=1e-3)  # the feet reach 0.29 m below the trunk
    assert any("lifted by 0.090 m" in note for note in robot.understood().notes)
    worlds = stood(family_of(robot), 0)
    highest = max(float(worlds.step(torch.zeros(1, 1, 4))[0][0, 0, 0]) for _ in range(50))
    assert highest < 0.3  # it was thrown up before


def test_a_start_inside_the_floor_that_cannot_be_lifted_is_refused(tmp_path: Path) -> None:
    text = dog(base='<joint type="slide" axis="1 0 0"/>', z=0.2)
    with pytest.raises(ValueError, match=r"lies 0\.090 m inside the floor, and cannot be lifted"):
        robot_of(tmp_path, text).understood()


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.3), (float("nan"),) * 11])
def test_a_start_has_the_numbers_of_qpos(tmp_path: Path, start: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected the 11 of qpos, finite"):
        robot_of(tmp_path, dog(), start=start).understood()


def test_a_given_start_is_used(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(), start=tuple(float(x) for x in BENT.split()))
    assert np.array_equal(robot.understood().pose.qpos, np.array([float(x) for x in BENT.split()]))
