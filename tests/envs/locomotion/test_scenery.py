"""Films show motion: a floor with a pattern below every robot, and marks of what a task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from metarl.system import rendering

if rendering.working() is None:
    pytest.skip("no OpenGL library", allow_module_level=True)

from envs.core import Variable
from envs.locomotion.decor import free_name, tile_of
from envs.locomotion.family import Locomotion
from envs.locomotion.marks import Aim, aim_of
from envs.locomotion.scenery import Stage
from envs.robots import ROBOTS
from envs.robots.robot import Robot

NOISE = 2.0  # grey levels, of a good camera's sensor; two frames differ by sqrt(2) times this
FORWARDS = (Variable("direction", ((1.0, 1.0),)),)
SPEED, FRAME = 1.0, 1 / 30  # m/s, s

WALKER = """
<body name="trunk" pos="{x} 0 {z}"><freejoint/><geom type="box" size=".2 .1 .05" mass="4"/>
  <body pos=".1 0 0"><joint name="hip" axis="0 1 0" range="-1 1" limited="true" damping=".5"/>
    <geom type="capsule" fromto="0 0 0 0 0 -.2" size=".03" mass=".3"/></body></body>"""
PLANE = '<geom name="floor" type="plane" size="{size}" {more}/>'

GROUNDS: dict[str, tuple[str, str]] = {  # assets and what is in the world, of models of a user
    "infinite": ("", PLANE.format(size="0 0 .1", more="")),
    "big": ("", PLANE.format(size="50 50 .1", more="")),
    "small": ("", PLANE.format(size="1 1 .1", more="")),
    "hidden": ("", PLANE.format(size="0 0 .1", more='group="4" rgba="0 0 0 0"')),
    "lit": (
        "",
        '<light pos="0 0 3" dir="0 0 -1" directional="true" diffuse="1 1 1" ambient="1 1 1"/>'
        + PLANE.format(size="0 0 .1", more=""),
    ),
    "own looks": (
        '<texture name="metarl/sky" type="skybox" builtin="gradient" width="8" height="48" rgb1="1 1 1"/>'
        '<texture name="metarl/tiles" type="2d" builtin="flat" width="8" height="8" rgb1="1 1 1"/>'
        '<material name="metarl/tiles" texture="metarl/tiles"/><material name="tiles" rgba="1 1 1 1"/>',
        PLANE.format(size="0 0 .1", more='material="metarl/tiles"'),
    ),
    "box": ("", '<geom name="floor" type="box" size="5 5 .1" pos="0 0 -.1"/>'),
    "height field": ('<hfield name="h" nrow="3" ncol="3" size="5 5 .1 .1"/>', '<geom type="hfield" hfield="h"/>'),
    "in a body": ("", '<body name="ground">' + PLANE.format(size="0 0 .1", more="") + "</body>"),
    "turned": ("", '<body euler="0 0 30">' + PLANE.format(size="0 0 .1", more="") + "</body>"),
}


def robot_on(folder: Path, ground: str, x: float = 0.0) -> type[Robot]:
    """A robot from a file whose world holds one of `GROUNDS`."""
    asset, world = GROUNDS[ground]
    path = folder / "model.xml"
    body = WALKER.format(x=x, z=0.25)
    path.write_text(
        f"<mujoco><asset>{asset}</asset><worldbody>{world}{body}</worldbody>"
        '<actuator><motor joint="hip" ctrlrange="-1 1" ctrllimited="true"/></actuator></mujoco>'
    )
    return type("Stranger", (Robot,), {"model_file": path, "frame_skip": 4})


def contrast(robot: type[Robot], away: float = 0.0) -> float:
    """Root mean square of the change of floor pixels from frame to frame, of a robot that moves at 1 m/s along x."""
    family = Locomotion(robot, FORWARDS, num_threads=1)
    frames, floors = [], []
    with closing(Stage(family, 480, 300)) as stage:
        for k in range(2):
            qpos = start_of(family)
            qpos[0] += away + k * SPEED * FRAME
            frames.append(stage.draw(family.model, qpos).astype(float))
            floors.append(is_floor(stage))
    both = floors[0] & floors[1]
    assert both.mean() > 0.3
    return float(np.square(frames[1] - frames[0])[both].mean() ** 0.5)


def start_of(family: Locomotion) -> NDArray[np.float64]:
    pose = family.robot.understood().pose.qpos
    return (family.model.qpos0 if pose is None else pose).copy()


def is_floor(stage: Stage) -> NDArray[np.bool_]:
    """The pixels [height, width] of the last frame that show the floor."""
    renderer = stage.renderer
    for flag in (mujoco.mjtRndFlag.mjRND_FOG, mujoco.mjtRndFlag.mjRND_SHADOW):
        renderer.scene.flags[flag] = False
    renderer.enable_segmentation_rendering()
    ids = renderer.render()
    renderer.disable_segmentation_rendering()
    shown: NDArray[np.bool_] = (ids[..., 0] == stage.scene.floor) & (ids[..., 1] == mujoco.mjtObj.mjOBJ_GEOM)
    return shown


@pytest.mark.parametrize("name", ROBOTS.names())
def test_motion_is_seen_on_the_floor_of_every_robot(name: str) -> None:
    assert contrast(ROBOTS[name]) > 1.5 * NOISE * 2**0.5


@pytest.mark.parametrize("ground", GROUNDS)
def test_motion_is_seen_on_every_kind_of_floor(ground: str, tmp_path: Path) -> None:
    assert contrast(robot_on(tmp_path, ground)) > 1.5 * NOISE * 2**0.5


def test_a_plane_is_drawn_wherever_the_robot_goes(tmp_path: Path) -> None:
    """Also 10 km from the start, and there as here: the pattern has a period."""
    robot = robot_on(tmp_path, "infinite")
    away = 2 * 5 * tile_of(Stage(Locomotion(robot, FORWARDS, num_threads=1), 64, 64).scene.distance) * 4000
    assert contrast(robot, away) == pytest.approx(contrast(robot), rel=0.3)


def test_a_model_without_a_floor_gets_none(tmp_path: Path) -> None:
    robot = robot_on(tmp_path, "infinite")
    text = Path(robot.model_file).read_text().replace(GROUNDS["infinite"][1], "")
    Path(robot.model_file).write_text(text)
    floating = type("Floating", (Robot,), {"model_file": robot.model_file, "frame_skip": 4, "height_index": None})
    family = Locomotion(floating, FORWARDS, num_threads=1)
    with closing(Stage(family, 64, 48)) as stage:
        assert stage.scene.floor is None
        assert stage.scene.model.ngeom == family.model.ngeom
        stage.draw(family.model, start_of(family))


@pytest.mark.parametrize("name", ["QuadrupedStairsUp", "AntHills", "HalfCheetahDynamics"])
def test_scenery_keeps_the_indices_of_the_model(name: str) -> None:
    from envs.named import build_family

    family = build_family(name, num_threads=1)
    assert isinstance(family, Locomotion)
    with closing(Stage(family, 64, 48)) as stage:
        drawn = stage.scene.model
        for kind, count in (("geom", family.model.ngeom), ("body", family.model.nbody)):
            for i in range(count):
                assert getattr(drawn, kind)(i).name == getattr(family.model, kind)(i).name


@pytest.mark.parametrize(
    ("task", "aim"),
    [
        ({"direction": -1.0, "slope_deg": 5.0}, Aim(direction=(-1.0, 0.0))),
        ({"velocity": 1.5}, Aim(direction=(1.0, 0.0), speed=1.5)),
        ({"velocity": -1.5}, Aim(direction=(-1.0, 0.0), speed=1.5)),
        ({"heading_deg": 90.0}, Aim(direction=(0.0, 1.0))),
        ({"velocity": 2.0, "heading_deg": 180.0}, Aim(direction=(-1.0, 0.0), speed=2.0)),
        ({"goal_x": 1.0, "goal_y": -2.0}, Aim(place=(1.0, -2.0))),
        ({"goal_distance": 2.0, "goal_heading_deg": 90.0}, Aim(place=(0.0, 2.0))),
        ({"payload": 0.2}, Aim()),
    ],
)
def test_what_a_task_asks_for_is_read_from_its_numbers(task: Mapping[str, float], aim: Aim) -> None:
    found = aim_of(task)
    for got, expected in zip(found, aim, strict=True):
        assert got == (None if expected is None else pytest.approx(expected, abs=1e-12))


@pytest.mark.parametrize("heading", [0.0, 90.0, 180.0, 270.0])
def test_a_goal_is_seen_from_every_side(heading: float) -> None:
    """Its green is nowhere else in the picture."""
    family = Locomotion("ant", (Variable("goal_distance", ((0, 5),)), Variable("goal_heading_deg", ((0, 360),))))
    with closing(Stage(family, 480, 300)) as stage:
        task = {"goal_distance": 5.0, "goal_heading_deg": heading}
        shown = green(stage.draw(family.model, start_of(family), task))
        assert shown[8:-8, 8:-8].sum() > 100
        assert not green(stage.draw(family.model, start_of(family))).any()


def green(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    red, greens, blue = (frame[..., i].astype(int) for i in range(3))
    return (greens > red + 60) & (greens > blue + 60)


def test_the_arrow_points_where_the_robot_has_to_go_and_grows_with_the_speed() -> None:
    family = Locomotion("half_cheetah", (Variable("velocity", ((-3, 3),)),), num_threads=1)
    lengths = []
    with closing(Stage(family, 480, 300)) as stage:
        for speed in (1.0, 3.0, -3.0):
            yellow = yellow_columns(stage.draw(family.model, start_of(family), {"velocity": speed})[:80])
            lengths.append(int(np.ptp(np.flatnonzero(yellow))))
            thick = yellow.argmax()  # the base of its head
            assert (thick > np.flatnonzero(yellow).mean()) == (speed > 0)
    assert lengths[1] > 2 * lengths[0]
    assert lengths[2] == pytest.approx(lengths[1], abs=3)


def yellow_columns(frame: NDArray[np.uint8]) -> NDArray[np.int_]:
    """Number of pixels of an arrow in every column, where nothing else is yellow."""
    red, greens, blue = (frame[..., i].astype(int) for i in range(3))
    count: NDArray[np.int_] = ((red > blue + 90) & (greens > blue + 50) & (red > 120)).sum(0)
    return count


def test_the_robot_throws_a_soft_shadow_on_its_floor() -> None:
    """Darker than the floor around it, but far from black."""
    family = Locomotion("ant", FORWARDS, num_threads=1)
    with closing(Stage(family, 480, 300)) as stage:
        lit = stage.draw(family.model, start_of(family)).astype(float).mean(2)
        floor = is_floor(stage)
        high = start_of(family)
        high[2] += 100.0
        bare = stage.draw(family.model, high).astype(float).mean(2)
        floor &= is_floor(stage)
    ratio = (lit / bare)[floor]
    shaded = ratio < 0.93
    assert 0.003 < shaded.mean() < 0.2
    assert 0.5 < np.median(ratio[shaded]) < 0.9


def test_names_of_ours_give_way() -> None:
    assert free_name("a", ["b"]) == "a"
    assert free_name("a", ["a", "a_"]) == "a__"
