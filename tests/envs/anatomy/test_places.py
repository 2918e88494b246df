"""Robots that do not start at the origin, and floors in unusual places."""

from __future__ import annotations

from pathlib import Path

import mujoco
import pytest
import torch

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import Aim
from envs.locomotion.scene import Scene
from tests.envs.anatomy.dogs import FLOOR, dog, family_of, robot_of, stood

TURN = '<joint name="pitch" axis="0 1 0"/>'
PLANAR = '<joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>' + TURN
HOME = '<keyframe><key name="home" qpos="{} 1 0 0 0 0 0 0 0"/></keyframe>'


@pytest.mark.parametrize("terrain", ["stairs_down", "gaps", "hills"])
def test_the_ground_of_a_planar_robot_is_around_its_body(tmp_path: Path, terrain: str) -> None:
    """The x and z of its qpos are 0 where it starts, at x = 5 m and z = 0.31 m."""
    robot = robot_of(tmp_path, dog(base=PLANAR).replace('pos="0 0 0.31"', 'pos="5 0 0.31"'))
    family = family_of(robot, **{terrain: 0.7})
    worlds = stood(family)
    assert worlds.body.qpos[0, :2].tolist() == pytest.approx([0.0, -0.02], abs=0.01)
    place = worlds.sim.field("xpos")  # filled by the next step
    worlds.step(torch.zeros(1, 1, 4))
    assert place[0, family.anatomy.root].tolist() == pytest.approx([5.0, 0.0, 0.29], abs=0.01)
    assert robot.height(worlds.body).item() == pytest.approx(0.29, abs=0.01)


def test_goals_are_measured_from_the_start(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(extra=HOME.format("7 -3 .31")))
    for ends in ({"goal_x": 0.0, "goal_y": 2.0}, {"goal_distance": 2.0, "goal_heading_deg": 90.0}):
        goal = tuple(Variable(name, ((value, value),)) for name, value in ends.items())
        family = Locomotion(robot, goal, action_scale=1.0, num_threads=1)
        worlds = stood(family, 0)
        reward = worlds.step(torch.zeros(1, 1, 4))[1].item()
        assert reward == pytest.approx(-2.0, abs=0.05)


def test_a_reward_of_ones_own_gets_places_in_the_world(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(extra=HOME.format("7 -3 .31")))
    family = Locomotion(robot, (), reward=lambda motion, task: motion.position[:, 0], num_threads=1)
    assert stood(family, 0).step(torch.zeros(1, 1, 4))[1].item() == pytest.approx(7.0, abs=0.05)


def test_the_height_of_a_root_that_another_body_carries_is_its_own(tmp_path: Path) -> None:
    head = '<body name="head" pos=".1 0 .2"><geom size=".03" mass=".1"/></body><geom name="hull"'
    robot = robot_of(tmp_path, dog().replace('<geom name="hull"', head), root="head")
    worlds = stood(family_of(robot, payload=0.5))
    assert robot.height(worlds.body).item() == pytest.approx(0.49, abs=0.02)
    mass = worlds.sim.mujoco_view(0)[0].body("metarl/payload").mass
    assert mass == pytest.approx(0.5 * (4 + 4 * 0.35 + 0.1))  # of the robot's mass, not of its head's


def test_the_floor_is_the_one_below_the_start(tmp_path: Path) -> None:
    """Two platforms at different heights, and a body that lies below the floor in the model's own pose."""
    two = "".join(f'<geom name="{n}" type="box" size="2 2 .5" pos="{x} 0 {z - 0.5}"/>' for n, x, z in PLATFORMS)
    robot = robot_of(tmp_path, dog(floor=two, extra=HOME.format("10 0 1.31")))
    anatomy = robot.understood().anatomy
    assert robot.understood().model.geom(anatomy.floor.geom).name == "high"
    assert anatomy.start == (10.0, 0.0, 1.0)
    assert stood(family_of(robot)).family.robot.height(stood(family_of(robot)).body).item() == pytest.approx(
        0.29, abs=0.02
    )
    low = dog(z=-1, floor=FLOOR, extra=HOME.format("0 0 .31"))
    assert robot_of(tmp_path, low).understood().anatomy.start == (0.0, 0.0, 0.0)


PLATFORMS = (("low", 0.0, 0.0), ("high", 10.0, 1.0))
FLOORS = {
    "box on its side": '<geom type="box" euler="90 0 0" size="30 .5 30" pos="0 0 -.5"/>',
    "box upside down": '<geom type="box" euler="180 0 0" size="30 30 .5" pos="0 0 -.5"/>',
    "turned twice": '<body euler="90 0 0"><geom type="plane" size="0 0 .1" euler="-90 0 0"/></body>',
    "in frames": '<frame euler="90 0 0"><frame euler="0 90 0">'
    '<geom type="plane" size="0 0 .1" zaxis="0 1 0"/></frame></frame>',
}


@pytest.mark.parametrize("floor", FLOORS.values(), ids=FLOORS)
@pytest.mark.parametrize("terrain", ["stairs_down", "rough"])
def test_floors_that_are_turned_in_their_body_are_found_and_lowered(tmp_path: Path, floor: str, terrain: str) -> None:
    robot = robot_of(tmp_path, dog(floor=floor))
    family = family_of(robot, **{terrain: 0.5})
    assert robot.height(stood(family).body).item() == pytest.approx(0.29, abs=0.02)
    own, new = robot.understood().anatomy.floor, family.anatomy.floor
    assert own is not None
    assert new is not None
    worlds = stood(family, 0)
    places = worlds.sim.field("geom_xpos")  # filled by the next step
    worlds.step(torch.zeros(1, 1, 4))
    bare = mujoco.MjData(robot.understood().model)
    mujoco.mj_kinematics(robot.understood().model, bare)
    lowered = bare.geom_xpos[own.geom] - places[0, new.geom].numpy()
    deep = 1e-2 if terrain == "rough" else 1.0 + 0.5 * 0.2 * 12
    assert lowered[2] == pytest.approx(deep, abs=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        '<geom name="other" type="plane" size="0 0 .1"/>',
        '<geom name="other" type="plane" size="0 0 .1" pos="0 0 -.4"/>',
        '<geom name="other" type="box" size="2 2 .5" pos="4 0 -.5"/>',
    ],
)
def test_terrain_is_refused_where_a_second_floor_would_stay(tmp_path: Path, other: str) -> None:
    robot = robot_of(tmp_path, dog(floor=FLOOR + other))
    family_of(robot, slope_deg=5.0)
    with pytest.raises(ValueError, match=r"stairs_down replaces the floor .*, but Dog can also touch"):
        family_of(robot, stairs_down=0.5)
    unseen = other.replace("/>", ' contype="0" conaffinity="0"/>')
    family_of(robot_of(tmp_path, dog(floor=FLOOR + unseen)), stairs_down=0.5)


SCENE = (
    '<body name="scene"><geom type="box" size=".1 .1 .3" pos="3 0 .3"/>'
    '<body name="ball" pos="2 0 .1"><joint type="ball"/><geom size=".1"/></body>'
)


def test_a_robot_that_slides_within_a_fixed_scene_is_found(tmp_path: Path) -> None:
    text = dog(base=PLANAR).replace("<worldbody>", "<worldbody>" + SCENE)
    robot = robot_of(tmp_path, text.replace("</body></worldbody>", "</body></body></worldbody>"))
    own = robot.understood()
    assert own.model.body(own.anatomy.root).name == "trunk"
    assert (own.anatomy.base, own.anatomy.position, len(own.anatomy.bodies)) == ("sliding", (4,), 5)
    mass = stood(family_of(robot, payload=0.5), 1).sim.mujoco_view(0)[0].body("metarl/payload").mass
    assert mass == pytest.approx(0.5 * (4 + 4 * 0.35))


def test_slide_joints_behind_one_that_turns_are_no_place(tmp_path: Path) -> None:
    base = '<joint axis="0 0 1"/><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/>'
    with pytest.raises(ValueError, match="slide joints before those that turn"):
        family_of(robot_of(tmp_path, dog(base=base)))


@pytest.mark.parametrize(
    "floor", [FLOOR.replace("/>", ' euler="1 0 0"/>'), f'<body mocap="true"><body>{FLOOR}</body></body>']
)
def test_what_a_floor_has_to_be_is_said(tmp_path: Path, floor: str) -> None:
    with pytest.raises(ValueError, match="add a level plane that is fixed to the world"):
        robot_of(tmp_path, dog(floor=floor)).understood()


def test_the_camera_looks_at_a_robot_and_a_goal_off_the_origin(tmp_path: Path) -> None:
    planar = robot_of(tmp_path, dog(base=PLANAR).replace('pos="0 0 0.31"', 'pos="5 2 0.31"'))
    scene = Scene(family_of(planar))
    scene.pose(scene.family.model, scene.family.model.qpos0)
    assert scene.camera().lookat[:2] == pytest.approx([5.0, 2.0], abs=0.01)
    free = robot_of(tmp_path, dog(extra=HOME.format("7 -3 .31")))
    scene = Scene(family_of(free))
    scene.pose(scene.family.model, free.understood().pose.qpos)
    assert scene.camera(Aim(place=(2.0, 0.0))).lookat[:2] == pytest.approx([8.0, -3.0], abs=0.01)


def test_a_model_that_is_attached_is_understood_and_what_mujoco_warns_of_is_told_once(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    home = '<key name="home" qpos="0 0 .31 1 0 0 0 0 0 0 0" ctrl=".1 0 0 .1"/>'
    keys = home + '<key name="lie" qpos="0 0 .1 1 0 0 0 0 0 0 0"/>'
    (tmp_path / "sub.xml").write_text(dog(floor="", extra=f"<keyframe>{keys}</keyframe>"))
    frame = '<frame pos="2 1 0" euler="0 0 90"><attach model="s" body="trunk" prefix="r/"/></frame>'
    text = f'<mujoco><asset><model name="s" file="sub.xml"/></asset><worldbody>{FLOOR}{frame}</worldbody></mujoco>'
    robot = robot_of(tmp_path, text)
    own = robot.understood()
    assert own.model.body(own.anatomy.root).name == "r/trunk"
    assert own.pose.text == "keyframe 'r/home'"
    assert own.pose.hold.tolist() == [0.1, 0.0, 0.0, 0.1]
    assert any("timestep: parent has 0.002" in note for note in own.notes)
    worlds = stood(family_of(robot, payload=0.5, stairs_down=0.5))
    assert robot.height(worlds.body).item() == pytest.approx(0.29, abs=0.02)
    assert not list(recwarn)
