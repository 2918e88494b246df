"""Variables that change nothing are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envs.core import Variable
from envs.locomotion.families import FAMILIES
from envs.locomotion.family import Locomotion
from tests.envs.anatomy.dogs import FLOOR, LEGS, dog, family_of, robot_of

RIGID = dog().replace('damping=".5"', "")
RAIL = '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>'
SLIDING = dog(base=RAIL).replace('<joint name="hip', '<joint type="slide" name="hip')  # nothing can turn
HINGED = dog(base=RAIL + '<joint axis="0 1 0"/>')  # turns about y only


def paired(pair: str) -> str:
    """The feet touch the floor by explicit pairs, the rest by masks, and parts of the robot never each other."""
    pairs = "".join(f'<pair geom1="floor" geom2="foot_{leg}" {pair}/>' for leg in LEGS)
    return dog(geom='conaffinity="0"', extra=f"<contact>{pairs}</contact>")


def switched(flag: str) -> str:
    return dog(extra=f"<option><flag {flag}/></option>")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (RIGID, "damping"),
        (dog(), "armature"),
        (dog(), "armature:hip_fl"),
        (dog(option='gravity="0 0 0"'), "slope_deg"),
        (dog(geom='condim="1"', floor='<geom type="plane" size="0 0 1" condim="1"/>'), "friction"),
        (dog(), "frictions:hull:roll"),
        (paired(""), "friction:foot_fl"),
        (paired('condim="1"'), "friction:floor-foot_fl"),
        (paired(""), "frictions:floor-foot_fl:roll"),
        (switched('override="enable"'), "friction"),
        (switched('damper="disable"'), "damping"),
        (SLIDING, "inertia"),
        (HINGED, "inertia_axes:trunk:x"),
    ],
)
def test_a_variable_that_changes_nothing_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} would change nothing"):
        Locomotion(robot_of(tmp_path, text), (Variable("direction", ((1, 1),)), Variable(name, ((0.5, 1.5),))))


def test_what_is_used_is_not_refused(tmp_path: Path) -> None:
    family_of(robot_of(tmp_path, HINGED), inertia_axes__trunk__y=(0.5, 1.5), inertia=(0.5, 1.5))
    family_of(robot_of(tmp_path, paired("")), **{"friction__floor-foot_fl": (0.5, 1.5), "friction__floor": (0.5, 1.5)})
    family_of(robot_of(tmp_path, dog(option='density="1.2"', base=RAIL)), inertia=(0.5, 1.5))  # drag depends on it


@pytest.mark.parametrize(("text", "name"), [(dog(), "armature"), (SLIDING, "inertia"), (SLIDING, "inertia_axes")])
def test_a_factor_for_each_of_nothing_is_refused(tmp_path: Path, text: str, name: str) -> None:
    each = Variable(name, ((0.5, 1.5),), per_element=True)
    with pytest.raises(ValueError, match=f"^{name} would change nothing"):
        Locomotion(robot_of(tmp_path, text), (Variable("direction", ((1, 1),)), each))


def test_each_element_has_an_effect_and_a_name_of_its_own(tmp_path: Path) -> None:
    """The friction of the floor is overruled by that of the robot; one body has no name, another what it would get."""
    text = dog(geom='priority="1"').replace('name="leg_fl"', "").replace('name="leg_fr"', 'name="body2"')
    each = [Variable(name, ((0.5, 1.5),), per_element=True) for name in ("friction", "mass")]
    names = [v.name for v in Locomotion(robot_of(tmp_path, text), (Variable("direction", ((1, 1),)), *each)).variables]
    assert "friction:floor" not in names
    assert [name for name in names if name.startswith("mass:body2")] == ["mass:body2_", "mass:body2"]
    assert len(names) == len(set(names)) == 1 + 5 + 5


def test_a_delay_below_half_a_physics_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"delay would change nothing: at most 0\.002 s"):
        family_of(robot_of(tmp_path, dog()), delay=(0.0, 0.002))


@pytest.mark.parametrize(
    "varied",
    [
        {"motor__to_fl": (0.5, 1.5), "motor__hip_fl": (0.5, 1.5)},  # two names of one motor
        {"motor": (0.5, 1.5), **{f"motor__to_{leg}": (0.5, 1.5) for leg in ("fl", "fr", "rl", "rr")}},
        {f"frictions__floor__{word}": (0.5, 1.5) for word in ("slide", "spin")} | {"friction__floor": (0.5, 1.5)},
        {f"inertia_axes__trunk__{axis}": (0.5, 1.5) for axis in "xyz"} | {"inertia__trunk": (0.5, 1.5)},
        {"mass": (0.5, 1.5), **{f"mass__{b}": (0.5, 1.5) for b in ("trunk", "leg_fl", "leg_fr", "leg_rl", "leg_rr")}},
    ],
)
def test_ranges_of_which_one_repeats_the_others_are_refused(tmp_path: Path, varied: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="multiply the same numbers"):
        family_of(robot_of(tmp_path, dog(floor=FLOOR.replace("/>", ' condim="4"/>'))), **varied)


def test_a_factor_for_all_and_one_for_some_are_fine(tmp_path: Path) -> None:
    family_of(robot_of(tmp_path, dog()), friction=(0.5, 1.5), frictions__floor__slide=(0.5, 1.5))
    family_of(robot_of(tmp_path, dog()), inertia=(0.5, 1.5), inertia_axes__trunk__x=(0.5, 1.5))
    family_of(robot_of(tmp_path, dog()), motor=(0.5, 1.5), motor__to_fl=(0.5, 1.5))


def test_the_family_of_dynamics_varies_what_has_an_effect(tmp_path: Path) -> None:
    names = [v.name for v in FAMILIES["Dynamics"].variables(robot_of(tmp_path, RIGID))]
    assert names == ["direction", "mass", "friction", "motor"]
