"""The robot, its place and its floor, found by structure."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.robots.robot import Robot
from tests.envs.anatomy.dogs import FLOOR, dog, family_of, robot_of, stood

MARKER = '<body name="target" mocap="true" pos="3 0 .5"><geom size=".1" contype="0" conaffinity="0"/></body>'
BALL = '<body name="ball" pos="2 0 .2"><freejoint/><geom size=".1"/></body>'
TABLE = '<body name="table" pos="1.5 0 .4"><geom name="top" type="box" size=".4 .4 .02"/></body>'
WALL = '<geom name="wall" type="plane" size="5 5 .1" pos="4 0 0" zaxis="-1 0 0"/>'
PLANAR = '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><joint axis="0 1 0"/>'


@pytest.mark.parametrize("before", [MARKER, BALL, TABLE, WALL, MARKER + BALL + TABLE + WALL])
def test_the_robot_is_what_its_actuators_move(tmp_path: Path, before: str) -> None:
    robot = robot_of(tmp_path, dog(before=before))
    own = robot.understood()
    assert own.model.body(own.anatomy.root).name == "trunk"
    assert len(own.anatomy.bodies) == 5
    assert own.anatomy.floor is not None
    assert own.model.geom(own.anatomy.floor.geom).name == "floor"
    worlds = stood(family_of(robot, payload=0.5, stairs_up=0.5), 1)
    mass = worlds.sim.mujoco_view(0)[0].body("metarl/payload").mass
    assert mass == pytest.approx(0.5 * (4 + 4 * 0.35))
    parent = worlds.sim.model.body("metarl/payload").parentid.item()
    assert worlds.sim.model.body(parent).name == "trunk"
    place = worlds.family.robot.position(worlds.body)
    assert place.tolist() == [pytest.approx([0.0, 0.0], abs=0.05)]
    assert worlds.body.qpos[0, own.anatomy.height].item() == pytest.approx(0.31, abs=0.02)


@pytest.mark.parametrize("height", [0.0, -1.0, 2.5])
@pytest.mark.parametrize(
    "floor",
    [
        '<geom name="floor" type="plane" size="0 0 .1" pos="0 0 {z}"/>',
        '<geom name="floor" type="box" size="30 30 .5" pos="0 0 {below}"/>',
        '<body pos="0 0 {z}" euler="0 0 90"><geom type="plane" size="0 0 .1"/></body>',
        '<geom type="plane" size="0 0 .1" pos="0 0 {z}" contype="2" conaffinity="2"/>'
        '<geom name="floor" type="plane" size="0 0 .1" pos="0 0 {z}"/>',
    ],
    ids=["plane", "box", "in a body", "beside one that nothing touches"],
)
@pytest.mark.parametrize("terrain", ["stairs_up", "gaps", "rough"])
def test_terrain_lies_at_the_height_of_the_floor(tmp_path: Path, floor: str, height: float, terrain: str) -> None:
    text = dog(floor=floor.format(z=height, below=height - 0.5), z=height + 0.31)
    worlds = stood(family_of(robot_of(tmp_path, text), **{terrain: 0.6}), 60)
    assert worlds.body.qpos[0, 2].item() == pytest.approx(height + 0.285, abs=0.02)
    assert worlds.family.robot.height(worlds.body).item() == pytest.approx(0.285, abs=0.02)
    assert worlds.family.robot.observe(worlds.body)[0, 0].item() == pytest.approx(0.285, abs=0.02)


def test_terrain_is_around_the_start_of_the_robot(tmp_path: Path) -> None:
    text = dog(extra='<keyframe><key name="home" qpos="7 -3 .31 1 0 0 0 0 0 0 0"/></keyframe>')
    worlds = stood(family_of(robot_of(tmp_path, text), stairs_up=1.0), 60)
    assert worlds.body.qpos[0, :3].tolist() == pytest.approx([7.0, -3.0, 0.285], abs=0.03)
    assert worlds.family.robot.height(worlds.body).item() == pytest.approx(0.285, abs=0.02)


def test_a_robot_without_a_floor_is_refused_unless_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Dog has no floor that it can touch, and would fall for ever"):
        robot_of(tmp_path, dog(floor="")).understood()
    floating = robot_of(tmp_path, dog(floor=""), height_index=None)
    family_of(floating)
    with pytest.raises(ValueError, match="never touches the ground"):
        family_of(floating, stairs_up=0.5)
    robot_of(tmp_path, dog(floor="", option='gravity="0 0 0"')).understood()


def test_a_height_field_is_a_floor_to_stand_on_but_not_to_build_on(tmp_path: Path) -> None:
    asset = '<asset><hfield name="h" nrow="2" ncol="2" size="9 9 .1 .1" elevation="0 0 0 0"/></asset>'
    robot = robot_of(tmp_path, dog(floor='<geom type="hfield" hfield="h"/>', extra=asset))
    assert stood(family_of(robot)).body.qpos[0, 2].item() == pytest.approx(0.285, abs=0.02)
    with pytest.raises(ValueError, match="its floor is a height field"):
        family_of(robot, stairs_up=0.5)


def test_a_floor_can_be_named(tmp_path: Path) -> None:
    two = '<geom name="low" type="plane" size="0 0 .1" pos="0 0 -1"/>' + FLOOR
    robot = robot_of(tmp_path, dog(floor=two), floor="low")
    assert robot.understood().anatomy.start[2] == -1.0
    with pytest.raises(ValueError, match="floor is 'hull', expected a level plane"):
        robot_of(tmp_path, dog(), floor="hull").understood()
    with pytest.raises(ValueError, match="floor is 'flor', which the model lacks"):
        robot_of(tmp_path, dog(), floor="flor").understood()


def test_a_free_joint_makes_a_body_free_in_the_plane(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(before=BALL))
    anatomy = robot.understood().anatomy
    assert (anatomy.base, anatomy.position, anatomy.height) == ("free", (7, 8), 9)
    assert not robot.is_planar()
    family = Locomotion(robot, (Variable("heading_deg", ((0.0, 360.0),)),), num_threads=1)
    assert family.space.obs == (18 - 2) + 16


def test_slide_joints_let_it_move_along_their_axes(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(base=PLANAR))
    anatomy = robot.understood().anatomy
    assert (anatomy.base, anatomy.position, anatomy.height) == ("sliding", (0,), 1)
    assert robot.is_planar()
    with pytest.raises(ValueError, match="Dog only moves along x"):
        Locomotion(robot, (Variable("heading_deg", ((0.0, 360.0),)),))


def test_a_robot_that_is_fixed_needs_a_reward_of_its_own(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(base=""))
    with pytest.raises(ValueError, match="Dog is fixed to the world"):
        family_of(robot)
    mass = (Variable("mass", ((0.5, 2.0),)),)
    family = Locomotion(robot, mass, reward=lambda motion, task: motion.velocity[:, 0], num_threads=1)
    assert not stood(family).sim.diverged.any()
    with pytest.raises(ValueError, match="payload would change nothing: its root is fixed"):
        Locomotion(robot, (Variable("payload", ((0.0, 1.0),)),), reward=lambda motion, task: motion.velocity[:, 0])


def test_two_robots_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    other = '<body name="arm" pos="3 0 1"><joint name="elbow"/><geom size=".1" pos=".2 0 0"/></body>'
    more = '<motor joint="elbow" ctrlrange="-1 1"/><motor joint="hip_fl" ctrlrange="-1 1"/>'
    text = dog(before=other, actuators=more)
    with pytest.raises(ValueError, match=r"actuators move 2 separate trees of bodies \(arm, trunk\): name .* root"):
        robot_of(tmp_path, text).understood()
    own = robot_of(tmp_path, text, root="trunk").understood()
    assert own.model.body(own.anatomy.root).name == "trunk"
    with pytest.raises(ValueError, match="root is 'trunc', which is no body of the model"):
        robot_of(tmp_path, text, root="trunc").understood()


def test_masses_of_other_bodies_are_not_the_robots(tmp_path: Path) -> None:
    worlds = stood(family_of(robot_of(tmp_path, dog(before=BALL)), mass=2.0), 1)
    model, _ = worlds.sim.mujoco_view(0)
    stock = worlds.sim.model
    assert model.body("ball").mass == stock.body("ball").mass
    assert model.body("trunk").mass == 2 * stock.body("trunk").mass


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("frame_skip", 0, "a whole number of physics steps"),
        ("frame_skip", 2.5, "a whole number of physics steps"),
        ("hidden_positions", 12, "'auto' or a number of entries of qpos, 0 to 11"),
        ("height_index", 11, "'auto', None or an index into qpos, 0 to 10"),
        ("legs", ((0, 4),), "tuples of indices of its motors, 0 to 3"),
        ("legs", ((0, 1), (1, 2)), "each motor in one leg at most"),
        ("legs", (0, 1), "tuples of indices of its motors"),
        ("reset_noise", -0.1, "a finite number, at least 0"),
        ("camera_distance", 0.0, "a number above 0"),
        ("ctrl_cost", float("nan"), "a finite number"),
    ],
)
def test_class_attributes_are_checked_against_the_model(
    tmp_path: Path, attribute: str, value: object, expected: str
) -> None:
    with pytest.raises(ValueError, match=rf"Dog.{attribute} is .*, expected .*{expected}"):
        robot_of(tmp_path, dog(), **{attribute: value}).understood()


def test_names_that_were_ours_are_free_and_ours_cannot_be_taken(tmp_path: Path) -> None:
    text = dog(before='<body name="payload" pos="2 0 1"/>').replace('"hull"', '"terrain_0"')
    assert not stood(family_of(robot_of(tmp_path, text), payload=0.2, stairs_up=0.5)).sim.diverged.any()
    with pytest.raises(ValueError, match="names that begin with 'metarl/' are kept"):
        robot_of(tmp_path, text.replace("terrain_0", "metarl/terrain_0")).understood()


def test_replaced_options_are_told(tmp_path: Path) -> None:
    notes = robot_of(tmp_path, dog(option='integrator="RK4" solver="CG" cone="elliptic"')).understood().notes
    assert notes == (
        "physics fast replaces integrator rk4 by implicitfast",
        "physics fast replaces solver cg by newton",
    )


def test_motors_with_a_delay_of_their_own_work_beside_others(tmp_path: Path) -> None:
    """The task's delay comes on top: the motor with 10 ms of its own and 20 ms more acts after 30 ms."""
    actuators = (
        '<motor joint="hip_fl" ctrlrange="-1 1" delay=".01" nsample="4"/><motor joint="hip_fr" ctrlrange="-1 1"/>'
    )
    robot = robot_of(tmp_path, dog(actuators=actuators), frame_skip=1)
    assert not stood(family_of(robot)).sim.diverged.any()
    worlds = stood(family_of(robot, delay=0.02), 1)
    acted: list[int | None] = [None, None]
    for step in range(1, 12):
        force = worlds.sim.field("actuator_force")[0]
        worlds.step(torch.ones(1, 1, 2))
        acted = [a if a is not None or not f else step for a, f in zip(acted, force.tolist(), strict=True)]
    assert acted[0] is not None
    assert acted[1] is not None
    assert acted[0] - acted[1] == 2
    assert issubclass(robot, Robot)


def test_defaults_of_the_model_do_not_reach_what_is_added(tmp_path: Path) -> None:
    """The model's geoms are turned and painted by default; the terrain and the load are not."""
    default = (
        '<default><geom euler="0 30 0" material="skin" group="4"/></default><asset><material name="skin"/></asset>'
    )
    level = FLOOR.replace("/>", ' euler="0 0 0"/>')
    text = dog(floor=level, extra=default, geom='euler="0 0 0"').replace("fromto", 'euler="0 0 0" fromto')
    text = text.replace('euler="0 0 0" euler="0 0 0"', 'euler="0 0 0"').replace('euler="0 0 0" fromto', "fromto")
    text = text.replace('size=".03" mass=".35" euler="0 0 0"', 'size=".03" mass=".35"')
    model = family_of(robot_of(tmp_path, text), payload=0.2, stairs_up=0.5).model
    added = [g for g in range(model.ngeom) if model.geom(g).name.startswith("metarl/terrain")]
    assert (model.geom_quat[added] == [1, 0, 0, 0]).all()
    assert (model.geom_group[added] == 0).all()
    load = model.body("metarl/payload").geomadr.item()
    assert model.geom_matid[load] == -1


def test_compilers_that_would_renumber_bodies_and_geoms_are_told_not_to(tmp_path: Path) -> None:
    text = dog(before='<geom contype="0" conaffinity="0" size=".1" pos="5 0 1"/>')
    text = text.replace("<option", '<compiler fusestatic="true" discardvisual="true"/><option')
    worlds = stood(family_of(robot_of(tmp_path, text), payload=0.5, stairs_up=0.5))
    assert worlds.body.qpos[0, 2].item() == pytest.approx(0.28, abs=0.02)


def test_sleeping_bodies_are_woken_and_told(tmp_path: Path) -> None:
    text = dog().replace("/><worldbody>", '><flag sleep="enable"/></option><worldbody>')
    robot = robot_of(tmp_path, text)
    assert robot.understood().notes == ("physics fast replaces sleeping bodies by awake ones",)
    assert not stood(family_of(robot)).sim.diverged.any()
