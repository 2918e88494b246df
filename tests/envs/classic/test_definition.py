"""Sizes, horizons and models of the classic distributions."""

from __future__ import annotations

import pytest

from envs.classic.registry import CLASSIC
from envs.locomotion.family import Locomotion
from envs.named import build_family
from tests.envs.classic.published import worlds_of

FACTS: dict[str, tuple[int, int, float, int, int]] = {  # observation, action, control step, horizon, task parameters
    **{f"rllab-cheetah-{kind}": (20, 6, 0.01, 200, 1) for kind in ("dir", "vel")},
    **{f"rllab-ant-{kind}": (125, 8, 0.02, 200, n) for kind, n in (("dir", 1), ("vel", 1), ("goal", 2))},
    **{f"promp-cheetah-{kind}": (17, 6, 0.05, h, 1) for kind, h in (("dir", 100), ("vel", 200))},
    **{f"promp-ant-{kind}": (111, 8, 0.05, 200, 1) for kind in ("dir", "dir-2d")},
    **{f"promp-humanoid-{kind}": (376, 17, 0.015, 200, 1) for kind in ("dir", "dir-2d")},
    **{f"promp-walker-{kind}": (17, 6, 0.016, 200, 1) for kind in ("dir", "vel")},
    **{f"promp-swimmer-{kind}": (8, 2, 0.04, 200, 1) for kind in ("vel-wrong-sign", "vel")},
    **{f"pearl-cheetah-{kind}": (20, 6, 0.05, 200, 1) for kind in ("dir", "vel")},
    **{f"pearl-ant-{kind}": (27, 8, 0.05, 200, 1) for kind in ("dir", "dir-two-way")},
    **{f"{code}-ant-goal": (113, 8, 0.05, 200, 2) for code in ("promp", "pearl")},
    "varibad-ant-dir-one-radian": (27, 8, 0.05, 200, 1),
    "pearl-humanoid-dir": (376, 17, 0.015, 200, 1),
    "pearl-walker-rand-params": (17, 6, 0.016, 200, 1 + 7 + 21 + 6 + 24),
    "pearl-hopper-rand-params": (11, 3, 0.016, 200, 1 + 4 + 12 + 3 + 15),
    **{f"grbal-cheetah-{kind}": (20, 6, 0.01, 1000, n) for kind, n in (("hfield", 2), ("disabled", 1))},
    "grbal-ant-crippled": (41, 8, 0.02, 1000, 1),
    **{f"promp-point-{kind}": (2, 2, 0, 100, 2) for kind in ("corner", "corner-dense")},
    **{f"{code}-point": (2, 2, 0, h, 2) for code, h in (("rllab", 100), ("pearl", 20), ("varibad", 100))},
    **{f"{code}-point-sparse": (2, 2, 0, h, 2) for code, h in (("pearl", 20), ("varibad", 100))},
}


def test_every_distribution_has_a_definition_and_a_line_that_names_its_horizon() -> None:
    assert set(CLASSIC) == set(FACTS)
    assert {name: CLASSIC[name].text for name in CLASSIC} == CLASSIC.describe()
    assert all(CLASSIC.describe()[name].endswith(f"H {fact[3]}") for name, fact in FACTS.items())


@pytest.mark.parametrize("name", FACTS)
def test_sizes_control_step_and_horizon_are_the_published_ones(name: str) -> None:
    family = build_family(name)
    step = family.control_step if isinstance(family, Locomotion) else 0
    assert (*family.space[:2], round(step, 9), family.horizon, len(family.names)) == FACTS[name]
    assert family.full_action == (10 if name.startswith("promp") else 1)


def test_models_are_the_published_ones() -> None:
    """Feet of 0.9 and 1.9, steps of 4 ms, rllab's soft ant with motors of 150, a cheetah of 14 kg at 1 m."""
    walker, hopper, ant, dropped = (
        worlds_of(name, [{}]).family.model
        for name in ("pearl-walker-rand-params", "pearl-hopper-rand-params", "rllab-ant-dir", "grbal-cheetah-hfield")
    )
    assert [walker.geom(g).friction[0] for g in ("foot_geom", "foot_left_geom")] == [0.9, 1.9]
    assert (walker.opt.timestep, hopper.opt.timestep, hopper.geom("foot_geom").friction[0]) == (0.004, 0.004, 2.0)
    assert (ant.geom_solimp[:, :3] == [0.8, 0.8, 0.01]).all()
    assert (ant.actuator_gear[:, 0] * ant.actuator_ctrlrange[:, 1] == 150).all()
    assert (dropped.body_mass.sum(), dropped.body("torso").pos[2]) == (pytest.approx(14), 1.0)
