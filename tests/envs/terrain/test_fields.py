"""Height fields against rays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from tests.envs.terrain.rays import FIELDS, FORWARD, SIDES, Floats, heights, worlds_of


def nominal(worlds: LocomotionWorlds, name: str, difficulty: float, layout: float, places: Floats) -> Floats:
    """Nominal height of the ground at places [n, 2], with one world for each."""
    task = {
        name: torch.full((len(places),), difficulty).double(),
        "layout": torch.full((len(places),), layout).double(),
    }
    assert worlds.family.terrain is not None
    surface = worlds.family.terrain.surface(task)
    assert surface is not None
    return surface(torch.from_numpy(places[:, : 1 if worlds.family.robot.is_planar() else 2])).numpy()


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize(("name", "claimed"), [("rough", 0.2), ("hills", 1.0)])
def test_the_height_over_a_field_is_that_of_the_field(robot: str, name: str, claimed: float) -> None:
    """At its nodes, every 0.2 m, to 0.1 mm, between them to 2 cm; with x and y swapped or mirrored it is not."""
    tasks = [(1.0, 0.0), (1.0, 5 / 2**31), (0.5, 5 / 2**31)]
    worlds = worlds_of(robot, name, *tasks)
    reach = np.array([11.9, 11.9]) if robot == "ant" else np.array([39.9, 0.0])
    between = np.random.default_rng(0).uniform(-reach, reach, (1000, 2))
    tops = []
    for w, (difficulty, layout) in enumerate(tasks):
        at_nodes = np.round(between / 0.2) * 0.2 + [
            2e-5,
            1e-5,
        ]  # a ray along the edge of two triangles passes between them
        z = heights(worlds, w, at_nodes)
        assert np.abs(z - nominal(worlds, name, difficulty, layout, at_nodes)).max() < 1e-4
        for turned in (at_nodes * [-1, 1],) if robot == "half_cheetah" else (at_nodes[:, ::-1].copy(), -at_nodes):
            assert np.abs(z - nominal(worlds, name, difficulty, layout, turned)).max() > 0.05
        pad = np.abs(at_nodes / np.where(reach, 1, np.inf)).max(1) < 0.9
        assert z[pad] == pytest.approx(0.0, abs=1e-6)
        assert z.min() >= -1e-6
        tops.append(z.max())
        beside = between + np.array([0, 1e-5])
        assert np.abs(heights(worlds, w, beside) - nominal(worlds, name, difficulty, layout, beside)).max() < 0.02
    assert 0.8 * claimed < tops[1] <= claimed
    assert tops[2] == pytest.approx(tops[1] / 2, rel=1e-3)


@pytest.mark.parametrize("name", FIELDS)
def test_training_and_testing_share_no_field(name: str) -> None:
    variables = (FORWARD, Variable(name, ((1.0, 1.0),)), Variable("layout", ((0.0, 1.0),)))
    family = Locomotion("half_cheetah", variables, num_threads=1)
    seen = []
    for split in ("train", "test"):
        tasks = family.sample(100, split, torch.Generator().manual_seed(0))
        worlds = family.worlds(tasks, 1)
        seen.append(set(worlds.sim.params("geom_dataid")[:, worlds.sim.model.geom("metarl/terrain_0").id].tolist()))
    assert seen[0].isdisjoint(seen[1])
    assert min(len(s) for s in seen) > 1


def test_a_part_of_the_layouts_cannot_be_held_out_and_is_refused() -> None:
    with pytest.raises(ValueError, match=r"layout has a range other than \[0, 1\]"):
        Locomotion("ant", (FORWARD, Variable("rough", ((0.5, 0.5),)), Variable("layout", ((0.0, 0.5),))))
