"""MuJoCo Warp on the CPU against MuJoCo."""

from __future__ import annotations

import pytest
import torch
import warp as wp
from scipy.stats import ks_2samp

from envs.core import Variable
from envs.locomotion.checks import has_effect
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family
from envs.robots import ROBOTS
from envs.simulation import BatchSimulator
from envs.simulation.warp import WarpSimulator
from tests.envs.simulation.test_warp import FORWARD
from tests.envs.simulation.warp_worlds import controls

STEEP = Variable("slope_deg", ((-8.0, 8.0),))


FACTORS = ("mass", "inertia", "damping", "armature", "friction", "motor")
SCALED = tuple(Variable(name, ((0.7, 1.4),)) for name in FACTORS)


FAMILIES = {
    "plane": (FORWARD, STEEP, *SCALED),
    "boxes": (FORWARD, Variable("gaps", ((0.0, 1.0),)), Variable("payload", ((0.0, 0.3),)), *SCALED[:1]),
}


def pair(family: Locomotion, count: int) -> tuple[LocomotionWorlds, LocomotionWorlds]:
    """The same worlds on MuJoCo and on MuJoCo Warp, in the same initial states."""
    tasks = family.sample(count, "train", torch.Generator().manual_seed(0))
    fresh = family.robot.fresh
    sims = BatchSimulator(family.model, count, 1, fresh=fresh), WarpSimulator(family.model, count, "cpu", fresh=fresh)
    ours, theirs = (LocomotionWorlds(family, sim, tasks, 1) for sim in sims)
    start, other = (worlds.reset(torch.Generator().manual_seed(1)) for worlds in (ours, theirs))
    assert (start - other).abs().max() < 2e-3  # of contact forces; all else to 5e-6
    return ours, theirs


def synchronize(ours: LocomotionWorlds, theirs: LocomotionWorlds) -> None:
    """Copy states and solver warm starts from MuJoCo to MuJoCo Warp."""
    theirs.sim.qpos.copy_(ours.sim.qpos)
    theirs.sim.qvel.copy_(ours.sim.qvel)
    assert isinstance(ours.sim, BatchSimulator)
    assert isinstance(theirs.sim, WarpSimulator)
    wp.to_torch(theirs.sim._d.qacc_warmstart).copy_(torch.from_numpy(ours.sim._batch.qacc_warmstart))


@pytest.mark.parametrize("ground", FAMILIES)
@pytest.mark.parametrize("robot", ROBOTS)
def test_one_step_equals_mujocos(robot: str, ground: str) -> None:
    """From the same states, with different physics in every world. The quadruped's stiffer friction (`impratio` 10) is
    solved less accurately in single precision.
    """
    if ROBOTS[robot].height_index is None and ground == "boxes":
        pytest.skip("it touches nothing")
    used = [v for v in FAMILIES[ground] if v.name not in FACTORS or has_effect(ROBOTS[robot], v.name)]
    variables = tuple(v for v in used if v.name != "friction" or ROBOTS[robot].height_index is not None)
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


@pytest.mark.slow
def test_returns_of_a_policy_have_the_same_distribution() -> None:
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
