"""MuJoCo Warp on the processor against MuJoCo itself, and against itself permuted, reset, broken and recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
import warp as wp
from scipy.stats import ks_2samp
from torch import Tensor

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family
from envs.robots import ROBOTS
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import compile_quietly
from envs.simulation import BatchSimulator
from envs.simulation.params import Params
from envs.simulation.warp import WarpSimulator

FORWARD = Variable("direction", ((1.0, 1.0),))
STEEP = Variable("slope_deg", ((-8.0, 8.0),))
SCALED = tuple(
    Variable(name, ((0.7, 1.4),)) for name in ("mass", "inertia", "damping", "armature", "friction", "motor")
)
FAMILIES = {
    "plane": (FORWARD, STEEP, *SCALED),
    "boxes": (FORWARD, Variable("gaps", ((0.0, 1.0),)), Variable("payload", ((0.0, 0.3),)), *SCALED[:1]),
}


def pair(family: Locomotion, count: int) -> tuple[LocomotionWorlds, LocomotionWorlds]:
    """The same worlds on MuJoCo and on MuJoCo Warp, started alike."""
    tasks = family.sample(count, "train", torch.Generator().manual_seed(0))
    fresh = family.robot.fresh
    sims = BatchSimulator(family.model, count, 1, fresh=fresh), WarpSimulator(family.model, count, "cpu", fresh=fresh)
    ours, theirs = (LocomotionWorlds(family, sim, tasks, 1) for sim in sims)
    start, other = (worlds.reset(torch.Generator().manual_seed(1)) for worlds in (ours, theirs))
    assert (start - other).abs().max() < 2e-3  # of contact forces; all else to 5e-6
    return ours, theirs


def synchronize(ours: LocomotionWorlds, theirs: LocomotionWorlds) -> None:
    """Put the worlds on MuJoCo Warp into the states of those on MuJoCo, where their solver starts too."""
    theirs.sim.qpos.copy_(ours.sim.qpos)
    theirs.sim.qvel.copy_(ours.sim.qvel)
    assert isinstance(ours.sim, BatchSimulator)
    assert isinstance(theirs.sim, WarpSimulator)
    wp.to_torch(theirs.sim._d.qacc_warmstart).copy_(torch.from_numpy(ours.sim._batch.qacc_warmstart))


def controls(sim: WarpSimulator | BatchSimulator, count: int, seed: int = 0) -> Tensor:
    """Random controls, the same for every world, [count, W, A]."""
    generator = torch.Generator().manual_seed(seed)
    sampled = 2 * torch.rand(count, 1, sim.model.nu, generator=generator) - 1
    return sampled.expand(count, sim.num_worlds, sim.model.nu)


def cheetahs(count: int, **options: bool | int) -> WarpSimulator:
    return WarpSimulator(compile_quietly(HalfCheetah.spec()), count, "cpu", **options)  # type: ignore[arg-type]


def scatter(sim: WarpSimulator, seed: int = 0) -> None:
    """Another pose and another friction for every world."""
    sim.reset()
    sim.qpos += 0.1 * torch.randn(sim.qpos.shape, generator=torch.Generator().manual_seed(seed))
    params = Params(sim.model, sim.num_worlds)
    params.scale("geom_friction", torch.linspace(0.5, 2.0, sim.num_worlds)[:, None].expand(-1, sim.model.ngeom))
    sim.set_params(params)
    sim.forward()


def drive(sim: WarpSimulator, steps: int) -> Tensor:
    """Positions and velocities after each control step, [steps, W, nq + nv]."""
    states = []
    for ctrl in controls(sim, steps):
        sim.step(ctrl, 5)
        states.append(torch.cat([sim.qpos, sim.qvel], 1))
    return torch.stack(states)


@pytest.mark.parametrize("ground", FAMILIES)
@pytest.mark.parametrize("robot", ROBOTS)
def test_one_step_is_that_of_mujoco(robot: str, ground: str) -> None:
    """From the same states, every world with physics of its own. The quadruped's stiffer friction (`impratio` 10) is
    solved less sharply in single precision."""
    if ROBOTS[robot].height_index is None and ground == "boxes":
        pytest.skip("it touches nothing")
    variables = tuple(v for v in FAMILIES[ground] if v.name != "friction" or ROBOTS[robot].height_index is not None)
    family = Locomotion(robot, variables, action_scale=1.0)
    ours, theirs = pair(family, 8)
    touched = ours.sim.field("ncon")
    worst, contacts = 0.0, 0
    for ctrl in controls(ours.sim, 100):  # type: ignore[arg-type]
        synchronize(ours, theirs)
        for worlds in (ours, theirs):
            worlds.sim.step(family.robot.control(worlds.body, ctrl.to(worlds.sim.qpos)), 1)
        contacts += int(touched.sum())
        worst = max(worst, float((ours.sim.qvel - theirs.sim.qvel).abs().max()))
    assert worst < (1e-3 if robot == "quadruped" else 2e-4)
    assert contacts > 100 or robot == "swimmer"


SEMANTICS = (
    *("HalfCheetahDelay", "HalfCheetahCrippled", "HopperVelocity", "Walker2dStairsDown", "AntGoal", "AntSlope"),
    *("QuadrupedHeadingVelocity", "HumanoidPayload", "rllab-ant-goal", "pearl-humanoid-dir", "grbal-ant-crippled"),
)


@pytest.mark.parametrize("name", SEMANTICS)
def test_observation_reward_and_termination_are_the_same(name: str) -> None:
    """Over whole control steps from the same states; contact forces, which are observed after clipping, may differ."""
    family = build_family(name, action_scale=1.0, physics="fast")
    assert isinstance(family, Locomotion)
    ours, theirs = pair(family, 6)
    generator = torch.Generator().manual_seed(2)
    ended = 0
    for _ in range(25):
        act = 2 * torch.rand(6, 1, family.space.act, generator=generator) - 1
        synchronize(ours, theirs)
        obs, rew, terminated, diverged = ours.step(act)
        obs_2, rew_2, terminated_2, diverged_2 = theirs.step(act)
        scale = 1 + obs.abs()
        assert ((obs - obs_2).abs() / scale).max() < (2e-2 if name == "QuadrupedHeadingVelocity" else 5e-3)
        assert (rew - rew_2).abs().max() < 2e-3
        assert torch.equal(terminated, terminated_2)
        assert torch.equal(diverged, diverged_2)
        ended += int(terminated.sum())
    assert ended > 0 or not any(kind in name for kind in ("Hopper", "Humanoid"))


def test_permuted_tasks_permute_results() -> None:
    family = Locomotion("half_cheetah", FAMILIES["boxes"])
    tasks = family.sample(5, "train", torch.Generator().manual_seed(0))
    order = torch.tensor([3, 0, 4, 2, 1])
    ends = []
    for t, turn in ((tasks, torch.arange(5)), (tasks.chosen(order), order)):
        worlds = LocomotionWorlds(family, WarpSimulator(family.model, 5, "cpu"), t, 1)
        worlds.reset(torch.Generator().manual_seed(1))
        worlds.sim.qpos.copy_(worlds.sim.qpos[:1].expand(5, -1) + 0.02 * turn[:, None])
        worlds.sim.qvel.zero_()
        for ctrl in controls(worlds.sim, 20):  # type: ignore[arg-type]
            worlds.step(ctrl[:, None])
        ends.append(worlds.sim.qpos.clone())
    assert torch.equal(ends[0][order], ends[1])
    assert (ends[0][0] - ends[0][1]).abs().max() > 1e-2


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
def test_a_diverged_world_is_seen_and_put_back_and_its_neighbours_are_not_touched(breakage: str) -> None:
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


def test_a_recorded_graph_does_what_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, direct = cheetahs(3), cheetahs(3)

    def at_once(name: object, work: Callable[[], None]) -> None:
        work()

    monkeypatch.setattr(direct, "_run", at_once)
    for sim in (recorded, direct):
        scatter(sim)
    assert torch.equal(drive(recorded, 10), drive(direct, 10))
    assert set(recorded._graphs) == {"forward", "constants", ("step", 5)}


def test_parameters_given_after_the_first_step_are_felt() -> None:
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


def test_contacts_without_room_are_told_and_given_room(caplog: pytest.LogCaptureFixture) -> None:
    sim = cheetahs(4, contacts=1, constraints=4)
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            sim.reset()
            drive(sim, 20)
        assert "did not fit" in caplog.text
        caplog.clear()
        sim.reset()
        assert not caplog.text
    roomy = cheetahs(4)
    roomy.reset()
    assert torch.equal(drive(sim, 20), drive(roomy, 20))


def test_deterministic_runs_are_equal_to_the_bit() -> None:
    ends = []
    for _ in range(2):
        sim = cheetahs(3, deterministic=True)
        scatter(sim)
        ends.append(drive(sim, 10))
    assert torch.equal(*ends)


def test_a_world_is_shown_as_it_is() -> None:
    sim = cheetahs(3)
    scatter(sim)
    drive(sim, 4)
    model, data = sim.mujoco_view(1)
    assert np.allclose(data.qpos, sim.qpos[1], atol=1e-6)
    assert np.allclose(model.geom_friction, sim.params("geom_friction")[1], atol=1e-6)


def test_a_solver_that_it_does_not_have_is_said() -> None:
    with pytest.raises(ValueError, match=r"MuJoCo Warp does not support this model \(.*PGS.*\): use physics fast"):
        Locomotion("humanoid", (FORWARD,), physics="gymnasium", simulator="gpu", device="cpu")


@pytest.mark.slow
def test_returns_of_a_policy_cannot_be_told_apart() -> None:
    """A fixed policy over 512 tasks on either backend: two-sample Kolmogorov-Smirnov test."""
    options = {"robot": "half_cheetah", "variables": (FORWARD, STEEP, *SCALED), "horizon": 200, "action_scale": 1.0}
    returns = []
    for simulator in ("cpu", "gpu"):
        family = Locomotion(**options, simulator=simulator, device="cpu")  # type: ignore[arg-type]
        tasks = family.sample(512, "test", torch.Generator().manual_seed(0))
        worlds = family.worlds(tasks, 1)
        obs = worlds.reset(torch.Generator().manual_seed(1)).float()
        weights = torch.randn(family.space.obs, family.space.act, generator=torch.Generator().manual_seed(2))
        total = torch.zeros(512)
        for _ in range(family.horizon):
            obs, rew, _, _ = worlds.step((obs.float() @ weights).tanh())
            total += rew[:, 0]
        returns.append(total.numpy())
    assert ks_2samp(*returns).pvalue > 0.01
    assert abs(returns[0].mean() - returns[1].mean()) < 0.1 * returns[0].std()
