"""Stairs, gaps and obstacles against rays, and balls that rest on them."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from envs.anatomy.anatomy import understand
from envs.simulation import BatchSimulator
from envs.simulation.params import Params
from envs.terrain.terrain import Site
from envs.variations.registry import VARIATIONS
from tests.envs.terrain.rays import SIDES, TREADS, Floats, heights, is_shape, line, worlds_of


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize(("name", "sign"), [("stairs_up", 1), ("stairs_down", -1)])
def test_every_tread_has_its_height_on_all_sides(robot: str, name: str, sign: int) -> None:
    """Step k = 1 to 12 lies at 0.2 k times the difficulty, the rest is as high as the last, the start is at 0."""
    worlds = worlds_of(robot, name, (0.25, 0.0), (1.0, 0.0), (0.0, 0.0))
    for w, difficulty in enumerate((0.25, 1.0, 0.0)):
        expected = sign * 0.2 * difficulty * np.minimum(np.arange(1, 14), 12)
        for side in SIDES[robot]:
            assert heights(worlds, w, line(side, TREADS)) == pytest.approx(expected, abs=1.1e-3)
            assert heights(worlds, w, line(side, np.linspace(0, 0.99, 9))) == pytest.approx(0.0, abs=1.1e-3)
            edges = np.concatenate([TREADS - 0.15, TREADS + 0.15])  # 5 mm from both ends of each
            assert heights(worlds, w, line(side, edges)) == pytest.approx(np.tile(expected, 2), abs=1.1e-3)


def resting(name: str, difficulty: float, places: Floats, start: Floats) -> Floats:
    """Final positions [n, 3] of balls of 5 cm that are dropped 2 cm above `start` [n] at places [n, 2]."""
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.002
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    ball = spec.worldbody.add_body(name="ball")
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.05, 0, 0], condim=6, friction=[1, 0.01, 0.01])
    make = VARIATIONS[name].terrain
    assert make is not None
    terrain = make(False)
    terrain.prepare(spec, Site(spec.geoms[0], (0.0, 0.0, 0.0)))
    sim = BatchSimulator(spec.compile(), len(places), 1)
    params = Params(sim.model, len(places), understand(sim.model, "ball"))
    task = {name: torch.full((len(places),), difficulty).double(), "layout": torch.zeros(len(places)).double()}
    terrain.apply(params, task)
    sim.set_params(params)
    sim.reset()
    sim.qpos[:, :2], sim.qpos[:, 2] = torch.from_numpy(places), torch.from_numpy(start) + 0.07
    sim.step(torch.zeros(len(places), 0), 300)
    return sim.qpos[:, :3].numpy()


@pytest.mark.parametrize(("name", "sign"), [("stairs_up", 1), ("stairs_down", -1)])
def test_a_ball_rests_on_every_tread(name: str, sign: int) -> None:
    places = np.concatenate([line(side, TREADS) for side in SIDES["ant"][:4]])
    expected = sign * 0.2 * np.tile(np.minimum(np.arange(1, 14), 12), 4)
    ended = resting(name, 1.0, places, expected)
    assert ended[:, 2] == pytest.approx(expected + 0.05, abs=2e-3)
    assert ended[:, :2] == pytest.approx(places, abs=1e-2)


def test_a_ball_falls_into_the_pit_and_rests_a_metre_below() -> None:
    """The start is 1 m wide on each side, the first gap 0.6 m."""
    places = np.concatenate([line(side, np.array([0.5, 1.3])) for side in SIDES["ant"][:4]])
    ended = resting("gaps", 1.0, places, np.zeros(8))
    assert ended[0::2, 2] == pytest.approx(0.05, abs=2e-3)
    assert ended[1::2, 2] == pytest.approx(-0.95, abs=2e-3)


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize("difficulty", [0.25, 1.0])
def test_gaps_and_the_pit_have_the_stated_sizes(robot: str, difficulty: float) -> None:
    """Eleven gaps of 0.6 m times the difficulty between platforms of 0.6 to 1.4 m; rays every 5 mm."""
    worlds = worlds_of(robot, "gaps", (difficulty, 0.3))
    profiles = [heights(worlds, 0, line(side, np.arange(0.0025, 25.0, 0.005))) for side in SIDES[robot][:4]]
    for profile in profiles:
        assert np.array_equal(profile, profiles[0])
        level = profile > -0.5
        assert profile[level] == pytest.approx(0.0, abs=1e-5)
        assert profile[~level] == pytest.approx(-1.0, abs=1e-5)
        lengths = np.diff(np.flatnonzero(np.diff(level))) * 0.005  # of gap, platform, gap, ..., gap
        assert len(lengths) == 21
        assert lengths[0::2] == pytest.approx(0.6 * difficulty, abs=6e-3)
        assert ((lengths[1::2] > 0.59) & (lengths[1::2] < 1.41)).all()
        assert np.flatnonzero(~level)[0] * 0.005 == pytest.approx(1.0, abs=6e-3)


@pytest.mark.parametrize("robot", SIDES)
def test_blocks_have_the_stated_heights_and_leave_the_start_free(robot: str) -> None:
    """30 to 100 % of 0.25 m times the difficulty, to 0.1 mm; on all sides."""
    worlds = worlds_of(robot, "obstacles", (1.0, 0.1), (0.4, 0.6))
    grid = np.arange(-11.0, 11.0, 0.1) + 0.05
    sides = grid if robot == "ant" else np.array([0.1])
    places = np.stack(np.meshgrid(grid, sides), -1).reshape(-1, 2)
    for w, difficulty in enumerate((1.0, 0.4)):
        z = heights(worlds, w, places)
        block = z > 1e-5
        assert (z[~block] > -1e-5).all()
        assert not block[np.abs(places).max(1) < 1.0].any()
        share = z[block] / (0.25 * difficulty)
        assert share.min() > 0.3 - 2e-3
        assert share.max() <= 1.0
        assert share.min() < 0.4 < 0.9 < share.max()
        for axis in range(2 if robot == "ant" else 1):
            assert block[places[:, axis] > 2].any()
            assert block[places[:, axis] < -2].any()


@pytest.mark.parametrize("robot", SIDES)
def test_no_layout_puts_a_block_on_the_start(robot: str) -> None:
    """In 50 layouts the near side of every block is 1 m or more from the middle, along x or along y."""
    worlds = worlds_of(robot, "obstacles", *((1.0, i / 50) for i in range(50)))
    shapes = [g for g in range(worlds.sim.model.ngeom) if is_shape(worlds.sim.model, g)]
    near = (worlds.sim.params("geom_pos").abs() - worlds.sim.params("geom_size"))[:, shapes, :2]
    assert 1.0 - 1e-9 <= near.amax(2).min() < 1.2
