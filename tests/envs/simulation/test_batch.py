"""Batched physics against gymnasium, a tilted floor and other thread counts; diverged worlds."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest
import torch

from envs.core import Tasks, Variable
from envs.locomotion import physics
from envs.locomotion.family import Locomotion
from envs.robots import ROBOTS
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import compile_quietly
from envs.simulation import BatchSimulator
from envs.simulation.params import Params

FORWARD = Variable("direction", ((1.0, 1.0),))


def simulator(num_worlds: int, physics: str = "fast", threads: int = 1) -> BatchSimulator:
    return BatchSimulator(compile_quietly(HalfCheetah.spec(physics)), num_worlds, threads)  # type: ignore[arg-type]


def drive(sim: BatchSimulator, steps: int, seed: int = 0) -> torch.Tensor:
    """Random controls, the same for every world; qpos and qvel after each step."""
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(steps):
        ctrl = torch.from_numpy(rng.uniform(-1, 1, (1, 6))).expand(sim.num_worlds, 6)
        sim.step(ctrl, 5)
        states.append(torch.cat([sim.qpos, sim.qvel], 1).clone())
    return torch.stack(states)


def slope_deg(sim: BatchSimulator, degrees: torch.Tensor) -> None:
    params = Params(sim.model, sim.num_worlds)
    physics.apply(params, {"slope_deg": degrees}, HalfCheetah)
    sim.set_params(params)


def friction(sim: BatchSimulator, factor: torch.Tensor) -> None:
    params = Params(sim.model, sim.num_worlds)
    physics.apply(params, {"friction": factor}, HalfCheetah)
    sim.set_params(params)


STOCK: dict[str, dict[str, object]] = {  # what differs from the environment's own defaults
    "half_cheetah": {"ctrl_cost_weight": 0.05},
    "hopper": {},
    "walker2d": {},
    "swimmer": {},
    "ant": {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    "humanoid": {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
}


@pytest.mark.parametrize("robot", STOCK)
def test_gymnasium_physics_equals_gymnasium_bit_for_bit(robot: str) -> None:
    """Observation without any difference, reward to 1e-10 and the same terminations, over 200 steps.

    The humanoid's centre of mass is summed in a different order by MuJoCo and by numpy: its reward differs by rounding.
    """
    env = gymnasium.make(ROBOTS[robot].gymnasium_id, **STOCK[robot]).unwrapped
    env.reset(seed=1)
    family = Locomotion(robot, (FORWARD,), physics="gymnasium", action_scale=1.0)
    worlds = family.worlds(Tasks(("direction",), torch.ones(1, 1, dtype=torch.float64)), 1)
    worlds.sim.reset()
    worlds.sim.qpos[0] = torch.from_numpy(env.data.qpos)
    worlds.sim.qvel[0] = torch.from_numpy(env.data.qvel)
    worlds.sim.forward()
    rng = np.random.default_rng(0)
    for _ in range(200):
        act = rng.uniform(-1, 1, family.space.act)
        obs, rew, terminated, *_ = env.step(worlds.body.reach.numpy() * act)
        ours, our_rew, ended, _ = worlds.step(torch.from_numpy(act)[None, None])
        assert np.array_equal(ours[0, 0].numpy(), obs)
        assert abs(our_rew.item() - rew) < (1e-10 if robot == "humanoid" else 1e-12)
        assert ended.item() == terminated


@pytest.mark.parametrize("robot", STOCK)
def test_every_robot_starts_healthy_with_its_published_noise(robot: str, generator: torch.Generator) -> None:
    family = Locomotion(robot, (FORWARD,), num_threads=1)
    worlds = family.worlds(Tasks(("direction",), torch.ones(2, 1, dtype=torch.float64)), 200)
    obs = worlds.reset(generator)
    assert obs.shape == (2, 200, family.space.obs)
    assert not family.robot.terminated(worlds.body).any()
    offset = worlds.sim.qpos - torch.from_numpy(family.model.qpos0)
    env = gymnasium.make(ROBOTS[robot].gymnasium_id).unwrapped
    noise = env._reset_noise_scale
    joints = offset[:, 7:] if robot in ("ant", "humanoid") else offset  # MuJoCo normalises the free joint's quaternion
    assert 0.9 * noise < joints.abs().max() <= noise
    starts = np.stack([env.reset(seed=i) and env.data.qvel.copy() for i in range(200)])
    assert worlds.sim.qvel.std().item() == pytest.approx(starts.std(), rel=0.1)


def test_tilted_gravity_equals_a_tilted_floor() -> None:
    """50 physics steps with random controls, in the frame of the slope, both ways, to 1e-9 (later chaotic)."""
    degrees = 11.0
    ours = simulator(1)
    slope_deg(ours, torch.tensor([degrees], dtype=torch.float64))

    spec = HalfCheetah.spec("fast")
    half = np.deg2rad(degrees) / 2
    tilt = [np.cos(half), 0.0, -np.sin(half), 0.0]  # about -y: +x goes up
    spec.geom("floor").quat = tilt
    torso = spec.body("torso")
    torso.quat = tilt  # the root joints slide along and turn about the axes of this frame
    torso.pos = [-0.7 * np.sin(2 * half), 0.0, 0.7 * np.cos(2 * half)]
    tilted = BatchSimulator(compile_quietly(spec), 1, 1)

    ours_moved, theirs = drive(ours, 10), drive(tilted, 10)  # 10 control steps of 5
    assert ours_moved[-1].abs().max() > 1
    assert (ours_moved - theirs).abs().max() < 1e-9


def test_a_positive_slope_pulls_towards_minus_x() -> None:
    sim = simulator(2)
    slope_deg(sim, torch.tensor([10.0, -10.0], dtype=torch.float64))
    friction(sim, torch.full((2,), 0.01, dtype=torch.float64))
    sim.step(torch.zeros(2, 6), 100)
    assert sim.qpos[0, 0] < -0.1
    assert sim.qpos[1, 0] > 0.1


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    runs = []
    for threads in (1, 2, 3):
        sim = simulator(16, threads=threads)
        slope_deg(sim, torch.linspace(-8, 8, 16, dtype=torch.float64))
        runs.append(drive(sim, 40))
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])


def test_worlds_keep_their_own_parameters() -> None:
    """A batch of three slopes and frictions equals three simulators of one world each."""
    slopes = torch.tensor([-8.0, 0.0, 5.0], dtype=torch.float64)
    grips = torch.tensor([0.3, 0.6, 1.0], dtype=torch.float64)
    together = simulator(3)
    slope_deg(together, slopes)
    friction(together, grips)
    batch = drive(together, 40)
    for i in range(3):
        alone = simulator(1)
        slope_deg(alone, slopes[i : i + 1])
        friction(alone, grips[i : i + 1])
        assert torch.equal(drive(alone, 40)[:, 0], batch[:, i])
    assert not torch.equal(batch[:, 0], batch[:, 1])


def test_a_masked_reset_leaves_other_worlds_untouched() -> None:
    sim, other = simulator(4), simulator(4)
    drive(sim, 10)
    drive(other, 10)
    sim.reset(torch.tensor([False, True, False, False]))
    assert torch.equal(sim.qpos[1], torch.from_numpy(sim.model.qpos0))
    assert torch.equal(drive(sim, 10, seed=1)[:, [0, 2, 3]], drive(other, 10, seed=1)[:, [0, 2, 3]])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e12])
def test_a_diverged_world_is_flagged_at_once_and_its_neighbours_are_unaffected(value: float, workdir) -> None:  # noqa: ANN001
    """MuJoCo silently resets it; it is flagged in the same step, no other world changes, no log file is written."""
    sim, other = simulator(3), simulator(3)
    drive(sim, 5)
    drive(other, 5)
    sim.qvel[1, 2] = value
    ctrl = torch.zeros(3, 6)
    sim.step(ctrl, 5)
    other.step(ctrl, 5)
    assert sim.diverged.tolist() == [False, True, False]
    assert torch.equal(sim.qpos[[0, 2]], other.qpos[[0, 2]])
    assert torch.equal(sim.qpos[1], torch.from_numpy(sim.model.qpos0))
    sim.step(ctrl, 5)
    assert not sim.diverged.any()
    sim.qvel[1, 2] = value
    sim.step(ctrl, 5)
    assert sim.diverged.tolist() == [False, True, False]  # also the second time
    assert list(workdir.iterdir()) == []


def test_mujoco_view_shows_one_world() -> None:
    sim = simulator(2)
    slope_deg(sim, torch.tensor([0.0, 30.0], dtype=torch.float64))
    drive(sim, 3)
    model, data = sim.mujoco_view(1)
    assert isinstance(data, mujoco.MjData)
    assert np.allclose(model.opt.gravity, [-9.81 * 0.5, 0, -9.81 * np.sqrt(0.75)])
    assert np.array_equal(data.qpos, sim.qpos[1].numpy())
