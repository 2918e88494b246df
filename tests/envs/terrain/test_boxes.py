"""Boxes at no difficulty, and of no width."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.core import Tasks
from envs.locomotion.family import Locomotion
from tests.envs.terrain.rays import BOXES, FORWARD, SIDES, heights, is_shape, worlds_of


@pytest.mark.parametrize(
    ("name", "x"),
    [(name, x) for name in ("stairs_up", "stairs_down", "gaps") for x in (0.0, 12.0)] + [("obstacles", 3.0)],
)
def test_no_difficulty_moves_like_the_plane(name: str, x: float) -> None:
    """Twenty steps of random controls on level boxes equal those on a plane: no foot touches both a box and the plane
    below. (Where two level boxes meet, a foot touches both, which makes 1 mm in 20 steps; not tested here.)
    """
    worlds = worlds_of("half_cheetah", name, (0.0, 0.0))
    flat = Locomotion("half_cheetah", (FORWARD,), action_scale=1.0, num_threads=1)
    plane = flat.worlds(Tasks.from_json([{"direction": 1.0}]), 1)
    plane.sim.reset()
    worlds.sim.qpos[:, 0] = plane.sim.qpos[:, 0] = x
    top = heights(worlds, 0, np.array([[x + 0.01, 0.1]]))[0]
    worlds.sim.qpos[:, 1] += top
    worlds.sim.forward()
    plane.sim.forward()
    for act in np.random.default_rng(0).uniform(-0.3, 0.3, (20, 6)):
        worlds.step(torch.from_numpy(act).expand(1, 1, -1))
        plane.step(torch.from_numpy(act).expand(1, 1, -1))
    ours, theirs = (at.sim.qpos[0].numpy() for at in (worlds, plane))
    assert ours - [0, top, 0, 0, 0, 0, 0, 0, 0] == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.parametrize("robot", SIDES)
def test_no_box_is_without_width(robot: str, name: str) -> None:
    """MuJoCo refuses to compile a box of size 0, but does not check sizes that are set later."""
    worlds = worlds_of(robot, name, (0.0, 0.0), (1.0, 0.0))
    model = worlds.sim.model
    shapes = [g for g in range(model.ngeom) if is_shape(model, g)]
    assert worlds.sim.params("geom_size")[:, shapes].min() > 1e-6
