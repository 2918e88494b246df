"""Registries: what a folder holds, what plugins add, and that listing it imports no heavy library."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from envs import named
from envs.classic.registry import ClassicRegistry
from envs.locomotion.family import Locomotion
from envs.ranges import Variable
from envs.registry import Registry, nearest
from envs.robots import ROBOTS
from envs.robots.registry import RobotRegistry, snake_case
from envs.variations.registry import VARIATIONS, VariationRegistry, goal_of, goals
from envs.variations.variation import Variation

Load = Callable[[str, str], ModuleType]

ROBOT = '''
"""A cheetah on ice.

More text.
"""
from envs.robots.half_cheetah import HalfCheetah

class IceCheetah(HalfCheetah):
    frame_skip = 2

class Renamed(IceCheetah):
    name = "slow_cheetah"
    height_index = None

class Mixin:
    pass
'''
VARIATION = """
from envs.variations.variation import Goal, Variation

def set_wind(params, task, robot):
    params["opt.wind"][:, 0] = task["wind"]

VARIATIONS = (
    Variation("wind", "dynamics", "m/s", -5, 5, "wind along x", apply=set_wind),
    Variation("stillness", "goal", "", 0, 1, "stand still", goals=(
        Goal(frozenset({"stillness"}), lambda motion, task: -motion.velocity[:, 0].abs()),
    )),
)
"""
DEFINITION = """
from envs.classic.definition import Definition, speed_range
from envs.robots.hopper import Hopper

DEFINITIONS = {"own-hopper-vel": Definition("a slow hopper, H 7", Hopper, speed_range(0, 1), horizon=7)}
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a text as a module."""

    def make(name: str, text: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(text.lstrip())
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return make


def test_the_nearest_name_is_suggested_and_all_names_where_none_is_near() -> None:
    assert nearest("half_cheeta", ROBOTS) == "did you mean half_cheetah?"
    assert nearest("zzz", ["b", "a"]) == "expected one of a, b"


def test_every_file_that_defines_a_robot_is_listed_under_its_own_name() -> None:
    assert ROBOTS.names() == ["ant", "half_cheetah", "hopper", "humanoid", "quadruped", "swimmer", "walker2d"]
    assert list(ROBOTS) == ROBOTS.names()
    assert "ant" in ROBOTS
    assert "robot" not in ROBOTS
    assert ROBOTS.describe()["ant"].startswith("Ant: a four-legged robot")
    for name, robot in ROBOTS.items():
        assert robot.__module__ == f"envs.robots.{name}"


def test_an_unknown_robot_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"there is no robot named 'antt': did you mean ant\?"):
        ROBOTS["antt"]
    with pytest.raises(ValueError, match="there is no robot named 'robot'"):
        ROBOTS.facts("robot")


@pytest.mark.parametrize("name", ROBOTS)
def test_facts_that_are_read_from_the_source_are_those_of_the_class(name: str) -> None:
    robot, facts = ROBOTS[name], ROBOTS.facts(name)
    assert facts.class_name == robot.__name__
    assert facts[1:] == (robot.hidden_positions, robot.height_index, robot.legs, robot.gymnasium_id)
    assert facts.is_planar == robot.is_planar()


def test_names_of_classes_become_names_of_robots() -> None:
    assert [snake_case(n) for n in ("HalfCheetah", "Walker2d", "Ant")] == ["half_cheetah", "walker2d", "ant"]


def test_a_file_in_the_folder_becomes_a_robot_and_a_base_class_does_not(tmp_path: Path) -> None:
    (tmp_path / "robot.py").write_text(
        "class Robot:\n    hidden_positions: int = 1\n    height_index: int | None = 1\n"
    )
    (tmp_path / "legged.py").write_text('"""Legs."""\nclass Legged(Robot):\n    legs = ((0, 1),)\n')
    (tmp_path / "spot.py").write_text('"""Spot."""\nclass Helper:\n    pass\n\nclass Spot(legged.Legged):\n    x = 1\n')
    (tmp_path / "helper.py").write_text('"""No robot."""\nclass Nothing:\n    legs = ()\n')
    text = (tmp_path / "robot.py").read_text() + "    legs = ()\n    gymnasium_id: str | None = None\n"
    (tmp_path / "robot.py").write_text(text)
    registry = RobotRegistry()
    found = registry.read_files(sorted(tmp_path.glob("*.py")))
    assert {name: entry.text for name, entry in found.items()} == {"legged": "Legs.", "spot": "Spot."}
    assert registry._facts["spot"] == ("Spot", 1, 1, ((0, 1),), None)


def test_a_plugin_adds_robots_with_their_families(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("own_robots", ROBOT)
    registry = RobotRegistry()
    assert registry.add(module)
    assert registry.add(module)  # a second time changes nothing
    assert set(registry.names()) - set(ROBOTS.names()) == {"ice_cheetah", "slow_cheetah"}
    assert registry["ice_cheetah"] is module.IceCheetah
    assert registry.describe()["ice_cheetah"] == "A cheetah on ice."
    assert not registry.add(load("no_robots", "x = 1"))
    monkeypatch.setattr(named, "ROBOTS", registry)
    assert {"IceCheetahSlope", "IceCheetahGaps", "RenamedDirection"} <= set(named.describe())
    assert "RenamedGaps" not in named.describe()  # it does not touch the ground
    family = Locomotion(registry["ice_cheetah"], (Variable("direction", ((1.0, 1.0),)),), num_threads=1)
    assert family.control_step == pytest.approx(0.02)


def test_a_robot_whose_name_is_taken_is_refused(load: Load) -> None:
    module = load("taken", 'from envs.robots.ant import Ant\n\nclass Mine(Ant):\n    name = "ant"\n')
    registry = RobotRegistry()
    with pytest.raises(ValueError, match="taken offers the robot 'ant', a name that is taken: rename it"):
        registry.add(module)


def test_every_variation_states_limits_a_unit_and_what_it_does() -> None:
    for name, variation in VARIATIONS.items().items():
        assert variation.name == name
        assert variation.low < variation.high
        assert variation.text
        assert set(variation.options) <= set(VARIATIONS.items())
    assert VARIATIONS.describe()["delay"] == "dynamics: time from an action to its effect [s]"
    assert VARIATIONS.describe()["mass"] == "dynamics: mass of the bodies, times the stock value"
    with pytest.raises(ValueError, match=r"there is no variable named 'slop_deg': did you mean slope_deg\?"):
        VARIATIONS["slop_deg"]


def test_goals_are_those_of_the_variations() -> None:
    assert set(goals()) == {
        frozenset(names.split())
        for names in (
            *("direction", "heading_deg", "velocity", "velocity heading_deg", "goal_x goal_y"),
            "goal_distance goal_heading_deg",
        )
    }
    assert goal_of(["velocity", "mass"]).names == {"velocity"}
    with pytest.raises(ValueError, match=r"expected exactly one goal .*, but got goal_x"):
        goal_of(["goal_x"])


def test_a_plugin_adds_a_variation_and_a_goal_that_work(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("own_variations", VARIATION)
    registry = VariationRegistry()
    assert registry.add(module)
    assert not registry.add(load("no_variations", "x = 1"))
    for user in ("envs.variations.registry", "envs.locomotion.physics", "envs.locomotion.checks"):
        monkeypatch.setattr(f"{user}.VARIATIONS", registry)
    variables = (Variable("stillness", ((1.0, 1.0),)), Variable("wind", ((-5.0, 5.0),)))
    family = Locomotion("half_cheetah", variables, num_threads=1)
    tasks = family.sample(3, "train", torch.Generator().manual_seed(0))
    worlds = family.worlds(tasks, 1)
    assert torch.equal(worlds.params["opt.wind"][:, 0], tasks.column("wind"))
    worlds.reset(torch.Generator().manual_seed(0))
    *_, diverged = worlds.step(torch.zeros(3, 1, 6))
    assert not diverged.any()
    with pytest.raises(ValueError, match=r"wind 6 lies outside \[-5, 5\]"):
        Locomotion("half_cheetah", (variables[0], Variable("wind", ((0.0, 6.0),))))


def test_a_variation_whose_name_is_taken_is_refused(load: Load) -> None:
    module = load("taken", VARIATION.replace('"wind", "dynamics"', '"mass", "dynamics"'))
    registry: Registry[Variation] = VariationRegistry()
    registry.items()
    with pytest.raises(ValueError, match="taken offers the variable 'mass', a name that is taken"):
        registry.add(module)


def test_a_plugin_adds_a_definition(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ClassicRegistry()
    monkeypatch.setattr(named, "CLASSIC", registry)
    assert named.add(load("own_definitions", DEFINITION))
    assert not named.add(load("no_definitions", "x = 1"))
    assert named.describe()["own-hopper-vel"] == "a slow hopper, H 7"
    assert named.horizon("own-hopper-vel") == 7
    assert named.build_family("own-hopper-vel", num_threads=1).horizon == 7


class EntryPoint:
    """An entry point of an installed package."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def load(self) -> ModuleType:
        return self.module


def test_entry_points_take_part(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "metarl.robots": [EntryPoint(load("installed_robots", ROBOT))],
        "metarl.tasks": [EntryPoint(load("installed_variations", VARIATION)), EntryPoint(load("tasks", DEFINITION))],
    }
    monkeypatch.setattr("envs.registry.entry_points", lambda group: points[group])
    robots = RobotRegistry()
    assert "ice_cheetah" in robots
    assert robots.add(points["metarl.robots"][0].module), "named on the command line too"
    assert "own-hopper-vel" in ClassicRegistry()
    variations = VariationRegistry()
    assert {"wind", "mass"} <= set(variations.names())
    assert variations["wind"].unit == "m/s"


def test_definitions_in_a_file_are_found_without_importing_it(tmp_path: Path) -> None:
    path = tmp_path / "paper.py"
    path.write_text('import nothing_like_this\nDEFINITIONS: dict = {"a": Definition("text", x), "b": Definition(1)}\n')
    assert {n: e.text for n, e in ClassicRegistry().read_files([path]).items()} == {"a": "text", "b": ""}


def test_listing_imports_neither_torch_nor_mujoco() -> None:
    program = """
import json, sys, time
start = time.perf_counter()
from envs import named
from envs.robots import ROBOTS
from envs.variations.registry import VARIATIONS, goal_of
counts = [len(named.describe()), len(ROBOTS.describe()), len(VARIATIONS.describe())]
goal_of(["direction"])
print(json.dumps([counts, time.perf_counter() - start, [m for m in ("torch", "mujoco", "numpy") if m in sys.modules]]))
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    counts, seconds, imported = json.loads(out)
    assert counts == [len(named.describe()), len(ROBOTS), len(VARIATIONS.items())]
    assert min(counts) > 5
    assert imported == []
    assert seconds < 2.0  # usually 0.1; importing torch and mujoco takes longer
