"""Contacts by masks and by explicit pairs."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from envs.anatomy.contacts import possible_contacts
from tests.envs.anatomy.dogs import FLOOR, LEGS, dog, family_of, robot_of, stood

NO_MASKS = 'contype="0" conaffinity="0"'
PAIRS = "".join(f'<pair geom1="floor" geom2="foot_{leg}" friction="0.6 0.6 0.01 0.001 0.001"/>' for leg in LEGS)
BY_PAIRS = dog(floor=FLOOR.replace("/>", f" {NO_MASKS}/>"), geom=NO_MASKS, extra=f"<contact>{PAIRS}</contact>")


def test_possible_contacts_are_those_that_mujoco_finds_when_everything_overlaps() -> None:
    """Spheres of every mask, some in one body, some related, some fixed, all at one place."""
    masks = [(1, 1), (0, 1), (1, 0), (2, 1), (0, 0), (3, 3)]
    geoms = "".join(f'<geom size=".1" contype="{a}" conaffinity="{b}"/>' for a, b in masks)
    inner = f'<body name="child">{geoms}<joint type="hinge"/><body name="fixed_child">{geoms}</body></body>'
    spheres = f'<body name="parent"><freejoint/>{geoms}{inner}</body><body name="fixed">{geoms}</body>'
    other = f'<body name="other"><freejoint/>{geoms}</body>'
    contact = '<contact><exclude body1="other" body2="child"/><pair geom1="a" geom2="b"/></contact>'
    named = f'<geom name="a" size=".1" {NO_MASKS}/><geom name="b" size=".1" {NO_MASKS}/>'
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><size memory="100M"/><worldbody>{named}{geoms}{spheres}{other}</worldbody>{contact}</mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_fwdPosition(model, data)
    found = np.zeros((model.ngeom, model.ngeom), dtype=bool)
    for first, second in data.contact.geom:
        found[first, second] = found[second, first] = True
    assert found.any()
    assert np.array_equal(found, possible_contacts(model))


@pytest.mark.parametrize("terrain", ["stairs_up", "obstacles", "hills"])
def test_terrain_carries_a_robot_whose_contacts_are_pairs(tmp_path: Path, terrain: str) -> None:
    worlds = stood(family_of(robot_of(tmp_path, BY_PAIRS), **{terrain: 0.5}), 100)
    assert worlds.body.qpos[0, 2] == pytest.approx(0.28, abs=0.03)  # it fell through before: the floor was moved down


def test_friction_scales_the_friction_of_pairs(tmp_path: Path) -> None:
    worlds = stood(family_of(robot_of(tmp_path, BY_PAIRS), friction=0.5, stairs_up=0.5), 1)
    friction = worlds.sim.params("pair_friction")[0]
    assert (friction[:, 0] == 0.3).all()
    assert worlds.sim.model.npair > len(LEGS)  # those of the terrain too


def test_each_pair_can_have_a_friction_of_its_own(tmp_path: Path) -> None:
    worlds = stood(family_of(robot_of(tmp_path, BY_PAIRS), **{"friction__floor-foot_fr": 0.5}), 1)
    changed = [worlds.sim.params("pair_friction")[0, p, 0].item() == 0.3 for p in range(4)]
    assert sum(changed) == 1


def test_pairs_whose_names_end_alike_are_told_apart(tmp_path: Path) -> None:
    text = BY_PAIRS.replace('<pair geom1="floor" geom2="foot_fl"', '<pair name="b" geom1="floor" geom2="foot_fl"')
    text = text.replace('<pair geom1="floor" geom2="foot_fr"', '<pair name="a/b" geom1="floor" geom2="foot_fr"')
    worlds = stood(family_of(robot_of(tmp_path, text), friction__b=0.5, stairs_up=0.5), 1)
    model, friction = worlds.sim.model, worlds.sim.params("pair_friction")[0, :, 0]
    foot = model.geom("foot_fl").id
    for p in range(model.npair):
        assert friction[p] == (0.3 if foot in (model.pair_geom1[p], model.pair_geom2[p]) else 0.6)


def test_friction_of_a_geom_that_another_overrules_is_refused(tmp_path: Path) -> None:
    text = dog(geom='priority="1"')
    with pytest.raises(ValueError, match="friction:floor would change nothing"):
        family_of(robot_of(tmp_path, text), friction__floor=(0.5, 1.5))
    family_of(robot_of(tmp_path, text), friction=(0.5, 1.5), friction__foot_fl=(0.5, 1.5))


def test_friction_of_the_floor_is_that_of_the_terrain_too(tmp_path: Path) -> None:
    worlds = stood(family_of(robot_of(tmp_path, dog()), friction__floor=2.0, stairs_up=0.5), 1)
    model, friction = worlds.sim.model, worlds.sim.params("geom_friction")[0, :, 0]
    for geom in range(model.ngeom):
        ground = model.geom(geom).name.startswith(("floor", "metarl/"))
        assert friction[geom] == (2.0 if ground else 1.0)


def test_a_robot_that_cannot_touch_its_floor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Dog has no floor that it can touch"):
        robot_of(tmp_path, dog(floor=FLOOR.replace("/>", f" {NO_MASKS}/>"), geom='conaffinity="0"')).understood()
    with pytest.raises(ValueError, match="Dog cannot touch its floor 'floor'"):
        robot_of(
            tmp_path, dog(floor=FLOOR.replace("/>", f" {NO_MASKS}/>"), geom='conaffinity="0"'), floor="floor"
        ).understood()


def test_exclusions_of_the_floors_body_hold_for_the_terrain(tmp_path: Path) -> None:
    extra = '<contact><exclude body1="ground" body2="trunk"/></contact>'
    robot = robot_of(tmp_path, dog(floor=f'<body name="ground">{FLOOR}</body>', extra=extra))
    family = family_of(robot, stairs_up=0.5)
    touching = possible_contacts(family.model)
    step, hull, foot = (family.model.geom(name).id for name in ("metarl/terrain_0", "hull", "foot_fl"))
    assert touching[step, foot]
    assert not touching[step, hull]


@pytest.mark.parametrize("flag", ["contact", "constraint"])
def test_a_model_without_contacts_has_no_floor(tmp_path: Path, flag: str) -> None:
    with pytest.raises(ValueError, match="Dog has no floor that it can touch"):
        robot_of(tmp_path, dog(extra=f'<option><flag {flag}="disable"/></option>')).understood()
