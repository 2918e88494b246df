"""MuJoCo Warp against itself: resets, divergence, graphs, parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from envs.core import Variable
from envs.simulation.params import Params
from tests.envs.simulation.warp_worlds import cheetahs, controls, drive, scatter

FORWARD = Variable("direction", ((1.0, 1.0),))


def test_a_masked_reset_leaves_other_worlds_untouched() -> None:
    sim, other = cheetahs(6), cheetahs(6)
    mask = torch.tensor([False, True, False, False, True, False])
    for s in (sim, other):
        scatter(s)
        s.field("xpos")
        drive(s, 10)
    before = sim.field("xpos").clone()
    sim.reset(mask)
    sim.forward(mask)
    assert torch.equal(sim.qpos[mask], torch.from_numpy(sim.model.qpos0).float().expand(2, -1))
    assert torch.equal(sim.field("xpos")[~mask], before[~mask])
    assert not torch.equal(sim.field("xpos")[mask], before[mask])
    assert torch.equal(drive(sim, 10)[:, ~mask], drive(other, 10)[:, ~mask])


@pytest.mark.parametrize("breakage", ["velocity", "control"])
def test_a_diverged_world_is_flagged_and_reset_and_its_neighbours_are_unaffected(breakage: str) -> None:
    sim, other = cheetahs(4), cheetahs(4)
    for s in (sim, other):
        scatter(s)
        s.field("cvel")
        drive(s, 5)
    ctrl = controls(sim, 1)[0].clone()
    other.step(ctrl, 5)
    if breakage == "velocity":
        sim.qvel[2, 3] = torch.inf
    else:
        ctrl[2, 0] = torch.nan
    sim.step(ctrl, 5)
    intact = torch.tensor([True, True, False, True])
    assert torch.equal(sim.diverged, ~intact)
    assert torch.equal(sim.qpos[2], torch.from_numpy(sim.model.qpos0).float())
    assert (sim.field("cvel")[2] == 0).all()
    assert torch.equal(sim.field("cvel")[intact], other.field("cvel")[intact])
    assert torch.equal(drive(sim, 5)[:, intact], drive(other, 5)[:, intact])
    assert not sim.diverged.any()


def test_a_captured_graph_equals_direct_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, direct = cheetahs(3), cheetahs(3)

    def at_once(name: object, work: Callable[[], None]) -> None:
        work()

    monkeypatch.setattr(direct, "_run", at_once)
    for sim in (recorded, direct):
        scatter(sim)
    assert torch.equal(drive(recorded, 10), drive(direct, 10))
    assert set(recorded._graphs) == {"forward", "constants", ("step", 5)}


def test_parameters_set_after_the_first_step_take_effect() -> None:
    late, fresh = cheetahs(2), cheetahs(2)
    drive(late, 3)
    for sim in (late, fresh):
        scatter(sim)
        params = Params(sim.model, 2)
        params["opt.gravity"][1] = torch.tensor([-3.0, 0.0, -9.0], dtype=torch.float64)
        params["body_mass"][1] *= 1.5
        sim.set_params(params)
        assert torch.equal(sim.params("opt.gravity"), params["opt.gravity"].float())
    assert torch.equal(drive(late, 10), drive(fresh, 10))
    before = late.params("body_mass")
    params = Params(late.model, 2)
    params["body_mass"] *= 2
    late.set_params(params, torch.tensor([True, False]))
    assert torch.equal(late.params("body_mass")[1], before[1])
    assert torch.allclose(late.params("body_mass")[0], 2 * before[0])


def test_deterministic_runs_are_bit_identical() -> None:
    ends = []
    for _ in range(2):
        sim = cheetahs(3, deterministic=True)
        scatter(sim)
        ends.append(drive(sim, 10))
    assert torch.equal(*ends)


def test_mujoco_view_shows_one_world() -> None:
    sim = cheetahs(3)
    scatter(sim)
    drive(sim, 4)
    model, data = sim.mujoco_view(1)
    assert np.allclose(data.qpos, sim.qpos[1], atol=1e-6)
    assert np.allclose(model.geom_friction, sim.params("geom_friction")[1], atol=1e-6)
