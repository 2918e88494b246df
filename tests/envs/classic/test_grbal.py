"""GrBAL: ramps and the crippled ant."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from tests.envs.classic.published import worlds_of


def ground(model: mujoco.MjModel, data: mujoco.MjData, x: float) -> float:
    """Height of the ground at x, seen from 8 m above and 0.3 m beside the robot's track."""
    mujoco.mj_forward(model, data)
    down = mujoco.mj_ray(
        model, data, np.array([x, 0.3, 8.0]), np.array([0, 0, -1.0]), None, 1, -1, np.zeros(1, np.int32)
    )
    return 8.0 - down


def test_the_ramps_are_the_published_ones() -> None:
    """Courses: slopes over 1 m beyond the start, and height at the end. Random ones: six ramps from x = 1 m on."""
    worlds = worlds_of("grbal-cheetah-hfield", [{"course": c} for c in (1, 2, 3, 4)])
    published = ((-10.37, 0.55, 0.55), (11.29, 0.0, 0.0), (3.17, 0.0, 1.0), (12.5, 0.0, 4.0))
    for i, (slope, behind, ahead) in enumerate(published):
        view = worlds.sim.mujoco_view(i)
        assert np.rad2deg(np.arctan(ground(*view, 1.5) - ground(*view, 0.5))) == pytest.approx(slope, abs=0.01)
        assert (ground(*view, -5), ground(*view, 19)) == pytest.approx((behind, ahead), abs=1e-5)
    worlds = worlds_of("grbal-cheetah-hfield", [{"course": 0}] * 8)
    for i in range(8):
        view = worlds.sim.mujoco_view(i)
        corners = np.array([ground(*view, -50 + 100 * column / 499) for column in (254, *range(264, 315, 10))])
        steps = np.diff(corners)
        assert 0.2 <= np.ptp(corners) <= 1.0
        assert (steps[:2] > 0).all()
        assert np.abs(steps).max() / np.abs(steps).min() <= 3 + 1e-6
        assert (ground(*view, 0), ground(*view, 30)) == pytest.approx((corners[0], corners[-1]), abs=1e-5)


def test_the_crippled_leg_is_half_as_thick_and_long_and_keeps_its_mass() -> None:
    worlds = worlds_of("grbal-ant-crippled", [{"crippled_leg": leg} for leg in range(4)])
    legs = (("left_leg", "left_ankle", 2), ("right_leg", "right_ankle", 4), ("back_leg", "third_ankle", 6))
    stock = worlds.family.model
    for i, (leg, ankle, motor) in enumerate((*legs, ("rightback_leg", "fourth_ankle", 0))):
        model, data = worlds.sim.mujoco_view(i)
        mujoco.mj_forward(model, data)
        ids = [stock.geom(f"{part}_geom").id for part in (leg, ankle)]
        expected = np.where(np.isin(np.arange(stock.ngeom), ids)[:, None], 0.5, 1.0) * stock.geom_size[:, :2]
        assert model.geom_size[2:, :2] == pytest.approx(expected[2:])
        own = model.body(model.geom_bodyid[ids[1]]).id
        reach = np.linalg.norm(data.geom_xpos[ids[1]] - data.xpos[own])
        assert reach == pytest.approx(np.linalg.norm(stock.geom_pos[ids[0]]))
        assert np.flatnonzero(model.actuator_gainprm[:, 0] == 0).tolist() == [motor, motor + 1]
        assert (model.body_mass == stock.body_mass).all()
