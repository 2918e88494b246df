"""Grounds of mixed kind, and the scan of what is around a robot."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
import torch

from envs.core import Tasks, Variable
from envs.legged.family import Legged
from envs.legged.scan import AHEAD, ASIDE, scan
from envs.simulation.params import Params
from envs.terrain.boxes import BoxTerrain
from envs.terrain.mixed import SHAPES, MixedTerrain
from envs.terrain.terrain import Terrain
from envs.variations.ground import KINDS

KINDS_OF_GROUND = tuple((float(i), float(i)) for i in range(len(KINDS)))
VARIABLES = (Variable("ground", KINDS_OF_GROUND), Variable("difficulty", ((0.0, 0.6),), ((0.6, 1.0),)))
NAMES = {0: "stairs_up", 1: "stairs_down", 2: "obstacles", 3: "gaps", 4: "patches"}


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_ground_of_a_kind_is_that_of_its_own_terrain(kind: int) -> None:
    mixed, name = Legged("quadruped", VARIABLES), NAMES[kind]
    own = Legged("quadruped", (Variable(name, ((0.0, 1.0),)),))
    task = {"ground": float(kind), "difficulty": 0.5, "layout": 0.25, name: 0.5}

    def params(family: Legged, terrain: Terrain) -> Params:
        found = Params(family.model, 1, family.anatomy)
        terrain.apply(found, {k: torch.tensor([v], dtype=torch.float64) for k, v in task.items()})
        return found

    assert isinstance(mixed.terrain, MixedTerrain)
    assert isinstance(own.terrain, BoxTerrain)
    one, other, count = params(mixed, mixed.terrain), params(own, own.terrain), own.terrain.count
    for field in ("geom_pos", "geom_size"):
        first, same = mixed.model.geom("metarl/terrain_0").id, own.model.geom("metarl/terrain_0").id
        ours, theirs = one[field][:, first : first + count], other[field][:, same : same + count]
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    if kind == KINDS.index("slippery patches"):
        sliding = [found["geom_friction"][0, g : g + count, 0] for found, g in ((one, first), (other, same))]
        torch.testing.assert_close(sliding[0], sliding[1])
        torch.testing.assert_close(sliding[0], torch.full_like(sliding[0], 1 - 0.95 * 0.5))
    else:
        assert (one["geom_friction"] == torch.tensor(mixed.model.geom_friction)).all()
    assert (one["geom_pos"][0, first + count : first + mixed.terrain.count, 2] < -10).all()
    floors = [family.model.geom("floor").id for family in (mixed, own)]
    assert one["geom_pos"][0, floors[0], 2] == other["geom_pos"][0, floors[1], 2]


@pytest.mark.parametrize("robot", ["quadruped", "ant"])
def test_feet_on_a_patch_slip_and_feet_beside_it_do_not(robot: str) -> None:
    """The friction of a contact is that of the patch at difficulty 1: 0.05 times the floor's, in any pair of geoms."""
    family = Legged(robot, (Variable("patches", ((0.0, 1.0),)), Variable("friction", ((0.5, 2.0),))))
    values = {"patches": 1.0, "friction": 0.5, "layout": 0.25}
    worlds = family.worlds(Tasks(family.names, torch.tensor([[values[n] for n in family.names]]).double()), 1)
    worlds.reset(torch.Generator().manual_seed(0))
    sim, model = worlds.sim, family.model
    patch = model.geom("metarl/terrain_0").id
    beside = float(model.geom("floor").friction[0])

    def frictions() -> set[float]:
        own_model, _ = sim.mujoco_view(0)  # type: ignore[attr-defined]  # of the CPU
        data = mujoco.MjData(own_model)
        data.qpos[:] = sim.qpos[0]
        mujoco.mj_forward(own_model, data)
        return {round(float(contact.friction[0]), 6) for contact in data.contact}

    own = max(float(model.geom_friction[g, 0]) for g in family.soles) if not model.geom("floor").priority[0] else 0.0
    sim.qpos[:, 2] -= 0.05 if robot == "quadruped" else 0.5
    assert frictions() == {round(0.5 * max(beside, own), 6)}
    sim.qpos[:, :2] = sim.params("geom_pos")[:, patch, :2]
    assert round(0.5 * 0.05 * beside, 6) in frictions()


def test_every_kind_has_a_shape_and_a_name() -> None:
    assert len(SHAPES) == len(KINDS) == len(NAMES)


def test_heights_are_those_of_the_ground_around_the_robot_in_its_heading() -> None:
    """Steps of 0.1 m begin at 1 m, 0.31 m apart. The nominal height at x = 2 is that of a ramp through them."""
    terrain = Legged("quadruped", (Variable("stairs_up", ((0.0, 1.0),)),)).terrain
    assert terrain is not None
    task = {"stairs_up": torch.tensor([0.5, 0.5])}
    place = torch.tensor([[2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    below = terrain.surface(task)
    assert below is not None
    heading = torch.tensor([0.0, math.pi / 2])
    heights = scan(terrain.heights(task), place, heading, below(place)).view(2, len(AHEAD), len(ASIDE))
    ramp = 0.1 * (1 / 0.31 + 0.5)
    steps = [0.1 * math.ceil((1 + ahead) / 0.31) - ramp for ahead in AHEAD]
    torch.testing.assert_close(heights[0, :, 2].tolist(), steps)
    torch.testing.assert_close(heights[0, :, 0].tolist(), steps)  # 0.3 m to the side is as high
    torch.testing.assert_close(heights[1, :, 2].tolist(), [0.4 - ramp] * len(AHEAD))  # it looks along the stairs
    torch.testing.assert_close(heights[1, 3].tolist(), [0.1 * math.ceil((1 - a) / 0.31) - ramp for a in ASIDE])


@pytest.mark.parametrize("ground", [*range(len(KINDS)), "rough", "hills"])
def test_heights_are_what_a_ray_from_above_meets(ground: int | str) -> None:
    fields = isinstance(ground, str)
    family = Legged("quadruped", (Variable(ground, ((0.0, 1.0),)),) if fields else VARIABLES)
    values = {"ground": 0.0 if fields else float(ground), "difficulty": 0.9, "layout": 0.25, str(ground): 0.9}
    worlds = family.worlds(Tasks(family.names, torch.tensor([[values[n] for n in family.names]]).double()), 1)
    worlds.reset(torch.Generator().manual_seed(0))
    model, data = worlds.sim.mujoco_view(0)
    mujoco.mj_kinematics(model, data)
    assert family.terrain is not None
    places = torch.rand(400, 2, generator=torch.Generator().manual_seed(1)).double() * 8 - 4
    places = places[places.abs().amax(1) > 0.8]  # beside the robot
    heights = family.terrain.heights({k: torch.tensor([v]).double() for k, v in values.items()})(places[None])[0]
    hit, down = np.zeros(1, np.int32), np.array([0.0, 0.0, -1.0])
    met = [5 - mujoco.mj_ray(model, data, np.array([x, y, 5.0]), down, None, 1, -1, hit) for x, y in places.tolist()]
    torch.testing.assert_close(heights, torch.tensor(met).double(), rtol=0, atol=2e-5)
    assert heights.max() - heights.min() > 2e-3


def test_the_scan_is_told_to_the_critic_or_the_policy_or_nobody() -> None:
    widths = {who: Legged("quadruped", VARIABLES, height_scan=who).space for who in ("none", "critic", "policy")}
    points = len(AHEAD) * len(ASIDE)
    assert [w.obs for w in widths.values()] == [45, 45, 45 + points]
    assert [w.privileged for w in widths.values()] == [7, 7 + points, 7]
    for who in ("critic", "policy"):
        family = Legged("quadruped", VARIABLES, height_scan=who)
        worlds = family.worlds(family.sample(3, "train", torch.Generator().manual_seed(0)), 1)
        assert worlds.reset(torch.Generator().manual_seed(0)).shape == (3, 1, widths[who].obs)


def test_tasks_of_a_mixed_ground_are_sampled_and_checked() -> None:
    family = Legged("quadruped", VARIABLES)
    tasks = family.sample(40, "ood", torch.Generator().manual_seed(0))
    assert set(tasks.column("ground").tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert (tasks.column("difficulty") >= 0.6).all()
    family.check(tasks)
    with pytest.raises(ValueError, match="ground=5"):
        family.check(Tasks(tasks.names, torch.tensor([[5.0, 0.7, 0.1]]).double()))
