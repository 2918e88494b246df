"""The named distributions against their published definitions, recomputed with plain MuJoCo and numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.catalogue import CLASSIC
from envs.classic import DEFINITIONS, build_classic
from envs.core import Tasks
from envs.locomotion import Locomotion, LocomotionWorlds
from envs.point import PointNavigation, PointWorlds

Array = NDArray[np.float64]

FACTS: dict[str, tuple[int, int, float, int, int]] = {  # observation, action, control step, horizon, task parameters
    "rllab-point": (2, 2, 0, 100, 2),
    **{f"rllab-cheetah-{kind}": (20, 6, 0.01, 200, 1) for kind in ("dir", "vel")},
    **{f"rllab-ant-{kind}": (125, 8, 0.02, 200, n) for kind, n in (("dir", 1), ("vel", 1), ("goal", 2))},
    "promp-cheetah-dir": (17, 6, 0.05, 100, 1),
    "promp-cheetah-vel": (17, 6, 0.05, 200, 1),
    **{f"promp-ant-{kind}": (111, 8, 0.05, 200, 1) for kind in ("dir", "dir-2d")},
    "promp-ant-goal": (113, 8, 0.05, 200, 2),
    **{f"promp-humanoid-{kind}": (376, 17, 0.015, 200, 1) for kind in ("dir", "dir-2d")},
    **{f"promp-walker-{kind}": (17, 6, 0.016, 200, 1) for kind in ("dir", "vel")},
    **{f"promp-swimmer-{kind}": (8, 2, 0.04, 200, 1) for kind in ("vel-wrong-sign", "vel")},
    **{f"promp-point-{kind}": (2, 2, 0, 100, 2) for kind in ("corner", "corner-dense")},
    **{f"pearl-cheetah-{kind}": (20, 6, 0.05, 200, 1) for kind in ("dir", "vel")},
    **{f"pearl-ant-{kind}": (27, 8, 0.05, 200, 1) for kind in ("dir", "dir-two-way")},
    "pearl-ant-goal": (113, 8, 0.05, 200, 2),
    "pearl-humanoid-dir": (376, 17, 0.015, 200, 1),
    "pearl-walker-rand-params": (17, 6, 0.016, 200, 1 + 7 + 21 + 9 + 24),
    "pearl-hopper-rand-params": (11, 3, 0.016, 200, 1 + 4 + 12 + 6 + 15),
    **{name: (2, 2, 0, 20, 2) for name in ("pearl-point", "pearl-point-sparse")},
    "varibad-ant-dir-one-radian": (27, 8, 0.05, 200, 1),
    **{name: (2, 2, 0, 100, 2) for name in ("varibad-point", "varibad-point-sparse")},
    "grbal-cheetah-hfield": (20, 6, 0.01, 1000, 2),
    "grbal-cheetah-disabled": (20, 6, 0.01, 1000, 1),
    "grbal-ant-crippled": (41, 8, 0.02, 1000, 1),
}


class Step(NamedTuple):
    """One control step: data before and after it as `mj_step` leaves them, and with everything current at its end."""

    model: mujoco.MjModel
    before: mujoco.MjData
    after: mujoco.MjData
    now: mujoco.MjData
    forces: Array  # [nbody, 6] cfrc_ext at the start of the last substep
    act: Array  # in [-1, 1]
    seconds: float

    @property
    def work(self) -> float:
        return float((self.act**2).sum())

    @property
    def touch(self) -> float:
        return float((self.forces.clip(-1, 1) ** 2).sum())

    @property
    def vx(self) -> float:
        """Mean over the step, from qpos."""
        return float(self.after.qpos[0] - self.before.qpos[0]) / self.seconds

    @property
    def torso(self) -> Array:
        """Velocity of the torso's frame, [2]."""
        return (self.after.xpos[1, :2] - self.before.xpos[1, :2]) / self.seconds

    @property
    def com(self) -> Array:
        """Displacement of the centre of mass, sum(m x) / sum(m), [2]."""
        mass = self.model.body_mass[:, None] / self.model.body_mass.sum()
        return (mass * (self.after.xipos - self.before.xipos)).sum(0)[:2]

    @property
    def com_vx(self) -> float:
        """Velocity of the centre of mass at the end of the step."""
        mujoco.mj_subtreeVel(self.model, self.now)
        return float(self.now.subtree_linvel[1, 0])


def worlds_of(name: str, rows: list[dict[str, float]], episodes: int = 1) -> LocomotionWorlds:
    """Worlds of these tasks, with what the rows leave out drawn at random."""
    family = build_classic(name, num_threads=1)
    assert isinstance(family, Locomotion)
    tasks = family.sample(len(rows), "train", torch.Generator().manual_seed(5))
    for i, row in enumerate(rows):
        for key, value in row.items():
            tasks.values[i, tasks.names.index(key)] = value
    return family.worlds(tasks, episodes)


def taken(name: str, task: dict[str, float]) -> tuple[Step, float, Array]:
    """Step, reward and observation of the last of 42 control steps; the first 40 are gentle, to stand on the ground."""
    worlds = worlds_of(name, [task])
    family, rng = worlds.family, np.random.default_rng(1)
    worlds.reset(torch.Generator().manual_seed(2))
    acts = rng.uniform(-1, 1, (42, family.space.act))
    acts[:-2] *= 0.1
    for act in acts[:-2]:
        worlds.step(torch.from_numpy(act * family.full_action)[None, None])
    model, data = worlds.sim.mujoco_view(0)
    low, high = model.actuator_ctrlrange.T
    before = [mujoco.MjData(model) for _ in range(2)]
    for k, act in enumerate(acts[-2:]):
        obs, rew, *_ = worlds.step(torch.from_numpy(act * family.full_action)[None, None])
        mujoco.mj_copyData(before[k], model, data)
        data.ctrl[:] = (low + high) / 2 + act * (high - low) / 2
        for _ in range(family.robot.frame_skip):
            last = mujoco.MjData(model)
            mujoco.mj_copyData(last, model, data)
            mujoco.mj_step(model, data)
    now = mujoco.MjData(model)
    mujoco.mj_copyData(now, model, data)
    for current in (last, now):
        mujoco.mj_forward(model, current)
    mujoco.mj_rnePostConstraint(model, last)
    step = Step(model, before[1], data, now, last.cfrc_ext.copy(), acts[-1], family.control_step)
    return step, rew.item(), obs[0, 0].numpy()


def along(v: Array, degrees: float) -> float:
    return float(v @ [np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def missed(place: Array, x: float, y: float) -> float:
    return float(np.abs(place[:2] - [x, y]).sum())


def humanoid(s: Step, forward: float) -> float:
    """`forward` is a displacement over 0.003 s, as published; controls are 0.4 a."""
    return 0.25 * forward / 0.003 - 0.1 * 0.16 * s.work - min(5e-7 * float((s.forces**2).sum()), 10.0) + 5.0


def ant_costs(s: Step, control: float) -> float:
    return control * s.work + 5e-4 * s.touch


def crippled_work(s: Step) -> float:
    """The dead joint (2) is masked out of the action before it is charged for."""
    return float((np.delete(s.act, 2) ** 2).sum())


GOAL = {"goal_distance": 2.0, "goal_heading_deg": 90.0}
REWARDS: dict[str, tuple[dict[str, float], Callable[[Step], float]]] = {
    "rllab-cheetah-dir": ({"direction": -1}, lambda s: -s.com_vx - 0.05 * s.work),
    "rllab-cheetah-vel": ({"velocity": 0.3}, lambda s: -abs(s.com_vx - 0.3) - 0.05 * s.work),
    "rllab-ant-dir": ({"direction": -1}, lambda s: -s.com_vx - ant_costs(s, 0.005) + 0.05),
    "rllab-ant-vel": ({"velocity": 2}, lambda s: 1 - abs(s.com_vx - 2) - ant_costs(s, 0.005) + 0.05),
    "rllab-ant-goal": (
        {"goal_x": 1, "goal_y": -2},
        lambda s: 4 - missed(s.now.subtree_com[1], 1, -2) - ant_costs(s, 0.005) + 0.05,
    ),
    "promp-cheetah-dir": ({"direction": -1}, lambda s: -s.vx - 0.05 * s.work),
    "promp-cheetah-vel": ({"velocity": 1.5}, lambda s: -abs(s.vx - 1.5) - 0.05 * s.work),
    "promp-ant-dir": ({"direction": -1}, lambda s: -float(s.torso[0]) - ant_costs(s, 0.5) + 1),
    "promp-ant-dir-2d": ({"heading_deg": 200}, lambda s: along(s.torso, 200) - ant_costs(s, 0.5) + 1),
    "promp-ant-goal": (GOAL, lambda s: -missed(s.after.xpos[1], 0, 2) - ant_costs(s, 0.1)),
    "promp-humanoid-dir": ({"direction": -1}, lambda s: humanoid(s, -float(s.com[0]))),
    "promp-humanoid-dir-2d": ({"heading_deg": 120}, lambda s: humanoid(s, along(s.com, 120))),
    "promp-walker-dir": ({"direction": -1}, lambda s: -s.vx + 1 - 0.001 * s.work),
    "promp-walker-vel": ({"velocity": 4}, lambda s: 15 - abs(s.vx - 4) - 0.001 * s.work),
    "promp-swimmer-vel-wrong-sign": ({"velocity": 0.15}, lambda s: abs(s.vx - 0.15) - 1e-4 * s.work),
    "promp-swimmer-vel": ({"velocity": 0.15}, lambda s: -abs(s.vx - 0.15) - 1e-4 * s.work),
    "pearl-cheetah-dir": ({"direction": -1}, lambda s: -s.vx - 0.05 * s.work),
    "pearl-cheetah-vel": ({"velocity": 1.5}, lambda s: -abs(s.vx - 1.5) - 0.05 * s.work),
    "pearl-ant-dir": ({"heading_deg": 200}, lambda s: along(s.torso, 200) - ant_costs(s, 0.5) + 1),
    "pearl-ant-dir-two-way": ({"heading_deg": 180}, lambda s: -float(s.torso[0]) - ant_costs(s, 0.5) + 1),
    "pearl-ant-goal": (GOAL, lambda s: -missed(s.after.xpos[1], 0, 2) - ant_costs(s, 0.1)),
    "pearl-humanoid-dir": ({"heading_deg": 120}, lambda s: humanoid(s, along(s.com, 120))),
    "pearl-walker-rand-params": ({}, lambda s: s.vx + 1 - 0.001 * s.work),
    "pearl-hopper-rand-params": ({}, lambda s: s.vx + 1 - 0.001 * s.work),
    "grbal-cheetah-hfield": ({"course": 2}, lambda s: s.com_vx - 0.05 * s.work),
    "grbal-cheetah-disabled": ({"crippled_joint": 2}, lambda s: s.com_vx - 0.05 * crippled_work(s)),
    "grbal-ant-crippled": ({"crippled_leg": 1}, lambda s: s.com_vx + 0.05),
}
PARTS: dict[str, Callable[[Step], list[Array]]] = {
    "rllab-cheetah": lambda s: [s.now.qpos[1:], s.now.qvel, s.now.subtree_com[1]],
    "rllab-ant": lambda s: [s.now.qpos, s.now.qvel, s.forces.clip(-1, 1), s.now.xmat[1], s.now.subtree_com[1]],
    "promp-cheetah": lambda s: [s.now.qpos[1:], s.now.qvel],
    "promp-ant-dir": lambda s: [s.now.qpos[2:], s.now.qvel, s.forces.clip(-1, 1)],
    "promp-ant-goal": lambda s: [s.now.qpos, s.now.qvel, s.forces.clip(-1, 1)],
    "promp-walker": lambda s: [s.now.qpos[1:], s.now.qvel.clip(-10, 10)],
    "promp-swimmer": lambda s: [s.now.qpos[2:], s.now.qvel],
    "pearl-cheetah": lambda s: [s.now.qpos[1:], s.now.qvel, s.after.xpos[1]],
    "pearl-ant-dir": lambda s: [s.now.qpos[2:], s.now.qvel],
    "pearl-ant-goal": lambda s: [s.now.qpos, s.now.qvel, s.forces.clip(-1, 1)],
    "pearl-humanoid": lambda s: [
        *(s.now.qpos[2:], s.now.qvel, s.after.cinert, s.after.cvel, s.after.qfrc_actuator, s.forces)
    ],
    "pearl-walker": lambda s: [s.now.qpos[1:], s.now.qvel.clip(-10, 10)],
    "pearl-hopper": lambda s: [s.now.qpos[1:], s.now.qvel.clip(-10, 10)],
    "grbal-cheetah": lambda s: [s.now.qpos[1:], s.now.qvel, s.now.subtree_com[1]],
    "grbal-ant": lambda s: [s.now.qpos, s.now.qvel, s.now.xmat[1], s.now.subtree_com[1]],
}


def points_of(name: str, goal: dict[str, float], place: tuple[float, float]) -> PointWorlds:
    family = build_classic(name)
    assert isinstance(family, PointNavigation)
    worlds = family.worlds(Tasks.from_json([goal]), 1)
    worlds.position = torch.tensor([[place]])
    return worlds


def test_every_distribution_has_a_definition_and_a_line_that_names_its_horizon() -> None:
    assert list(CLASSIC) == list(DEFINITIONS)
    assert set(CLASSIC) == set(FACTS)
    assert all(CLASSIC[name].endswith(f"H {fact[3]}") for name, fact in FACTS.items())


@pytest.mark.parametrize("name", FACTS)
def test_sizes_control_step_and_horizon_are_the_published_ones(name: str) -> None:
    family = build_classic(name)
    step = family.control_step if isinstance(family, Locomotion) else 0
    assert (*family.space, pytest.approx(step), family.horizon, len(family.names)) == FACTS[name]
    assert family.full_action == (10 if name.startswith("promp") else 1)


@pytest.mark.parametrize("name", REWARDS)
def test_reward_is_the_published_formula(name: str) -> None:
    """Means over a step from positions as old as `mj_step` leaves them (gym); rllab's at its end, by mj_subtreeVel."""
    task, reward = REWARDS[name]
    step, rew, _ = taken(name, task)
    assert rew == pytest.approx(reward(step), abs=2e-6)
    if "ant" in name or "humanoid" in name:
        assert step.touch > 0


@pytest.mark.parametrize("prefix", PARTS)
def test_observation_has_the_published_parts_in_order(prefix: str) -> None:
    name = next(n for n in REWARDS if n.startswith(prefix))
    step, _, obs = taken(name, REWARDS[name][0])
    expected = np.concatenate([part.ravel() for part in PARTS[prefix](step)])
    assert obs == pytest.approx(expected, abs=2e-4, rel=1e-5)
