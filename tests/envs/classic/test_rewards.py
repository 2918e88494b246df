"""Rewards and observations against the published formulas, recomputed with plain MuJoCo and numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.envs.classic.published import Array, Step, last_step


def along(v: Array, degrees: float) -> float:
    return float(v @ [np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def missed(place: Array, x: float, y: float) -> float:
    return float(np.abs(place[:2] - [x, y]).sum())


def humanoid(s: Step, degrees: float) -> float:
    """Displacement over 0.003 s, as published; controls are 0.4 a."""
    run = 0.25 * along(s.com, degrees) / 0.003
    return run - 0.1 * 0.4**2 * s.work - min(5e-7 * float((s.forces**2).sum()), 10.0) + 5.0


def ant(s: Step, gain: float, control: float, bonus: float) -> float:
    return gain - control * s.work - 5e-4 * s.touch + bonus


Reward = tuple[dict[str, float], Callable[[Step], float]]


CHEETAH_DIR: Reward = {"direction": -1}, lambda s: -s.vx - 0.05 * s.work


CHEETAH_VEL: Reward = {"velocity": 1.5}, lambda s: -abs(s.vx - 1.5) - 0.05 * s.work


ANT_ANY: Reward = {"heading_deg": 200}, lambda s: ant(s, along(s.torso, 200), 0.5, 1)


ANT_GOAL: Reward = (
    {"goal_distance": 2.0, "goal_heading_deg": 90.0},
    lambda s: ant(s, -missed(s.after.xpos[1], 0, 2), 0.1, 0),
)


RAND_PARAMS: Reward = {}, lambda s: s.vx + 1 - 0.001 * s.work


REWARDS: dict[str, Reward] = {
    "rllab-cheetah-dir": ({"direction": -1}, lambda s: -s.com_vx - 0.05 * s.work),
    "rllab-cheetah-vel": ({"velocity": 0.3}, lambda s: -abs(s.com_vx - 0.3) - 0.05 * s.work),
    "rllab-ant-dir": ({"direction": -1}, lambda s: ant(s, -s.com_vx, 0.005, 0.05)),
    "rllab-ant-vel": ({"velocity": 2}, lambda s: ant(s, 1 - abs(s.com_vx - 2), 0.005, 0.05)),
    "rllab-ant-goal": ({"goal_x": 1, "goal_y": -2}, lambda s: ant(s, 4 - missed(s.cog, 1, -2), 0.005, 0.05)),
    "promp-cheetah-dir": CHEETAH_DIR,
    "promp-cheetah-vel": CHEETAH_VEL,
    "promp-ant-dir": ({"direction": -1}, lambda s: ant(s, along(s.torso, 180), 0.5, 1)),
    "promp-ant-dir-2d": ANT_ANY,
    "promp-ant-goal": ANT_GOAL,
    "promp-humanoid-dir": ({"direction": -1}, lambda s: humanoid(s, 180)),
    "promp-humanoid-dir-2d": ({"heading_deg": 120}, lambda s: humanoid(s, 120)),
    "promp-walker-dir": ({"direction": -1}, lambda s: -s.vx + 1 - 0.001 * s.work),
    "promp-walker-vel": ({"velocity": 4}, lambda s: 15 - abs(s.vx - 4) - 0.001 * s.work),
    "promp-swimmer-vel-wrong-sign": ({"velocity": 0.15}, lambda s: abs(s.vx - 0.15) - 1e-4 * s.work),
    "promp-swimmer-vel": ({"velocity": 0.15}, lambda s: -abs(s.vx - 0.15) - 1e-4 * s.work),
    "pearl-cheetah-dir": CHEETAH_DIR,
    "pearl-cheetah-vel": CHEETAH_VEL,
    "pearl-ant-dir": ANT_ANY,
    "pearl-ant-dir-two-way": ({"heading_deg": 180}, lambda s: ant(s, along(s.torso, 180), 0.5, 1)),
    "pearl-ant-goal": ANT_GOAL,
    "pearl-humanoid-dir": ({"heading_deg": 120}, lambda s: humanoid(s, 120)),
    "pearl-walker-rand-params": RAND_PARAMS,
    "pearl-hopper-rand-params": RAND_PARAMS,
    "varibad-ant-dir-one-radian": (
        {"heading_deg": np.rad2deg(1)},
        lambda s: ant(s, float(np.cos(1) * s.torso[0] + np.sin(1) * s.torso[1]), 0.5, 1),
    ),
    "grbal-cheetah-hfield": ({"course": 2}, lambda s: s.com_vx - 0.05 * s.work),
    "grbal-cheetah-disabled": (  # the disabled joint is masked out of the action before the control cost
        {"crippled_joint": 2},
        lambda s: s.com_vx - 0.05 * (s.work - s.act[2] ** 2),
    ),
    "grbal-ant-crippled": ({"crippled_leg": 1}, lambda s: s.com_vx + 0.05),
}


PARTS: dict[str, Callable[[Step], list[Array]]] = {
    "rllab-cheetah-vel": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "rllab-ant-dir": lambda s: [s.qpos, s.qvel, s.forces.clip(-1, 1), s.now.xmat[1], s.cog],
    "promp-cheetah-dir": lambda s: [s.qpos[1:], s.qvel],
    "promp-ant-dir": lambda s: [s.qpos[2:], s.qvel, s.forces.clip(-1, 1)],
    "promp-walker-vel": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "promp-swimmer-vel": lambda s: [s.qpos[2:], s.qvel],
    "pearl-cheetah-vel": lambda s: [s.qpos[1:], s.qvel, s.after.xpos[1]],
    "pearl-ant-dir": lambda s: [s.qpos[2:], s.qvel],
    "pearl-ant-goal": lambda s: [s.qpos, s.qvel, s.forces.clip(-1, 1)],
    "pearl-humanoid-dir": lambda s: [s.qpos[2:], s.qvel, *s.motion, s.after.qfrc_actuator, s.forces],
    "pearl-walker-rand-params": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "pearl-hopper-rand-params": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "grbal-cheetah-hfield": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "grbal-cheetah-disabled": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "grbal-ant-crippled": lambda s: [s.qpos, s.qvel, s.now.xmat[1], s.cog],
}


@pytest.mark.parametrize("name", REWARDS)
def test_reward_is_the_published_formula(name: str) -> None:
    """Means over a step from positions as old as `mj_step` leaves them (gym); rllab's at its end, by mj_subtreeVel."""
    task, reward = REWARDS[name]
    step, rew, _ = last_step(name, task)
    assert rew == pytest.approx(reward(step), abs=2e-6)
    if "ant" in name or "humanoid" in name:
        assert step.touch > 0


@pytest.mark.parametrize("name", PARTS)
def test_observation_has_the_published_parts_in_order(name: str) -> None:
    step, _, obs = last_step(name, REWARDS[name][0])
    assert obs == pytest.approx(np.concatenate([part.ravel() for part in PARTS[name](step)]), abs=2e-4, rel=1e-5)
