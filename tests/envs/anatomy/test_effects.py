"""Variables that change nothing are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envs.core import Variable
from envs.locomotion.families import FAMILIES
from envs.locomotion.family import Locomotion
from tests.envs.anatomy.dogs import dog, family_of, robot_of

RIGID = dog().replace('damping=".5"', "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (RIGID, "damping"),
        (dog(), "armature"),
        (dog(), "armature:hip_fl"),
        (dog(option='gravity="0 0 0"'), "slope_deg"),
        (dog(geom='condim="1"', floor='<geom type="plane" size="0 0 1" condim="1"/>'), "friction"),
        (dog(), "frictions:hull:roll"),
    ],
)
def test_a_variable_that_changes_nothing_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} would change nothing"):
        Locomotion(robot_of(tmp_path, text), (Variable("direction", ((1, 1),)), Variable(name, ((0.5, 1.5),))))


@pytest.mark.parametrize(
    "varied",
    [
        {"motor__to_fl": (0.5, 1.5), "motor__hip_fl": (0.5, 1.5)},  # two names of one motor
        {"motor": (0.5, 1.5), **{f"motor__to_{leg}": (0.5, 1.5) for leg in ("fl", "fr", "rl", "rr")}},
        {"mass": (0.5, 1.5), **{f"mass__{b}": (0.5, 1.5) for b in ("trunk", "leg_fl", "leg_fr", "leg_rl", "leg_rr")}},
    ],
)
def test_ranges_of_which_one_repeats_the_others_are_refused(tmp_path: Path, varied: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="multiply the same numbers"):
        family_of(robot_of(tmp_path, dog()), **varied)


def test_a_factor_for_all_and_one_for_some_are_fine(tmp_path: Path) -> None:
    family_of(robot_of(tmp_path, dog()), motor=(0.5, 1.5), motor__to_fl=(0.5, 1.5))


def test_the_family_of_dynamics_varies_what_has_an_effect(tmp_path: Path) -> None:
    names = [v.name for v in FAMILIES["Dynamics"].variables(robot_of(tmp_path, RIGID))]
    assert names == ["direction", "mass", "friction", "motor"]
