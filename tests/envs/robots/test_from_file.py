"""Robots by the path of their MJCF file."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.from_file import robot_from_file
from envs.tasks.locomotion import Settings
from tests.envs.anatomy.dogs import FORWARDS, dog, stood


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my-dog 2.xml"
    path.write_text(dog())
    return path


def test_a_robot_is_used_by_the_path_of_its_file(file: Path) -> None:
    settings = Settings.model_validate({"robot": str(file), "vary": {"heading_deg": {"train": [0, 360]}, "mass": 2.0}})
    family = settings.build()
    assert family.robot.__name__ == "MyDog2"
    assert family.control_step == 0.02
    assert ROBOTS[str(file)] is family.robot
    assert not ROBOTS.facts(str(file)).is_planar
    assert str(file) not in ROBOTS.names()


def test_class_attributes_can_be_given(file: Path) -> None:
    robot = robot_from_file(file, frame_skip=2, legs=((0,), (1,)), alive_bonus=1.0)
    assert (robot.frame_skip, robot.legs, robot.alive_bonus) == (2, ((0,), (1,)), 1.0)
    with pytest.raises(
        ValueError, match="a robot has no attribute 'framskip', expected one of frame_skip, gymnasium_id"
    ):
        robot_from_file(file, framskip=2)


def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<mujoco><worldbody><geom size='-1'/></worldbody></mujoco>")
    with pytest.raises(ValueError, match=r"a\.xml .*size"):
        ROBOTS[str(tmp_path / "a.xml")].understood()
    with pytest.raises(ValueError, match=r"none\.xml cannot be read: No such file"):
        ROBOTS[str(tmp_path / "none.xml")]


def test_a_changed_file_is_another_robot(tmp_path: Path) -> None:
    """A family keeps the model that it was made of; a new one of the same path gets the new model."""
    file = tmp_path / "dog.xml"
    file.write_text(dog())
    old = Locomotion(str(file), (FORWARDS,), num_threads=1)
    home = '<keyframe><key name="home" qpos="1 0 0 0 0 0 0 0 0 .31 1 0 0 0 0 0 0 0"/></keyframe>'
    ball = '<body name="ball" pos="3 0 .1"><freejoint/><geom size=".1"/></body>'
    file.write_text(dog(before=ball, extra=home))
    new = Locomotion(str(file), (FORWARDS,), num_threads=1)
    assert (old.space.obs, new.space.obs) == (11 - 2 + 10, 18 - 2 + 16)
    assert new.robot.understood().pose.text == "keyframe 'home'"
    assert ROBOTS.facts(str(file)).hidden_positions == 2
    assert not stood(old, 2).sim.diverged.any()
    with pytest.raises(ValueError, match=r"dog\.xml was changed while it was in use"):
        old.spec()


@pytest.mark.parametrize("timestep", ["0", "-0.1", "2", "nan"])
def test_a_timestep_that_cannot_be_simulated_is_refused(tmp_path: Path, timestep: str) -> None:
    file = tmp_path / "dog.xml"
    file.write_text(dog(option=f'timestep="{timestep}"'))
    with pytest.raises(ValueError, match=r"has a timestep of .* s, expected more than 0 and at most 1"):
        robot_from_file(file)
