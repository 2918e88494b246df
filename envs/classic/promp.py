"""ProMP's tasks (Rothfuss et al. 2019, github.com/jonasrothfuss/ProMP). An action of 10 policy units is full torque.

Its random parameters are those of `envs.classic.pearl`. Left out: points with momentum and between walls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from envs.classic.definition import (
    WITHIN_3_M,
    Definition,
    PointDefinition,
    cat,
    contact_forces,
    speed_range,
)
from envs.classic.gym_robots import CostlyAnt, GoalAnt, WholeHumanoid
from envs.core import Task, Variable
from envs.locomotion.families import ANY_HEADING, BOTH_WAYS
from envs.point import Move, distance
from envs.robots.ant import Ant
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import Body
from envs.robots.swimmer import Swimmer
from envs.robots.walker2d import Walker2d
from envs.variations.variation import Motion
from envs.variations.velocity import velocity_reward

MIDDLE = 0.5  # m in the 1-norm: within it the reward is 0
CORNERS = torch.tensor([[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]])  # m


class PrompAnt(CostlyAnt):
    """Observation (111): qpos without x and y (13), qvel (14), contact forces (84). Fails above 1 m or below 0 m."""

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(Ant.observe(body), contact_forces(body))

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        height = cls.height(body)
        return ~((height >= 0.0) & (height <= 1.0))


class PrompWalker(Walker2d):
    """The walker of early gym versions, whose right foot has less friction; control step 8 x 0.002 s."""

    model_file = "walker2d.xml"
    frame_skip = 8
    pays_last_step = True


def missed_velocity(motion: Motion, task: Task) -> Tensor:
    """+|v - target|: the published swimmer's reward, whose sign is wrong."""
    return -velocity_reward(motion, task)


def corner_progress(move: Move) -> Tensor:
    """Decrease of the distance to the goal, if its corner is nearest and the point outside the middle; else 0."""
    goal, after = move.goal, move.after
    to_corners = (after[..., None, :] - CORNERS.to(after)).norm(dim=-1)  # [N, E, 4]
    to_goal = (after - goal).norm(dim=-1)
    nearest = to_goal <= to_corners.amin(-1) + 1e-6
    progress = (move.before - goal).norm(dim=-1) - to_goal
    return torch.where((after.abs().sum(-1) >= MIDDLE) & nearest, progress, 0.0)


CORNER_GOALS = tuple(Variable(name, ((-2.0, -2.0), (2.0, 2.0))) for name in ("goal_x", "goal_y"))
CORNER = {"variables": CORNER_GOALS, "step": 0.2, "start": 0.2, "reached": None, "action_scale": 50.0}

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    "promp-cheetah-dir": Definition(
        "ProMP's cheetah, both ways: 17 numbers observed, H 100",
        HalfCheetah,
        (BOTH_WAYS,),
        horizon=100,
        action_scale=10.0,
    ),
    "promp-cheetah-vel": Definition(
        "ProMP's cheetah, speeds 0 to 3 m/s, H 200", HalfCheetah, speed_range(0, 3), action_scale=10.0
    ),
    "promp-ant-dir": Definition(
        "ProMP's ant, both ways: contact forces observed, fails above 1 m and below 0 m, H 200",
        PrompAnt,
        (BOTH_WAYS,),
        action_scale=10.0,
    ),
    "promp-ant-dir-2d": Definition("ProMP's ant, any heading, H 200", PrompAnt, (ANY_HEADING,), action_scale=10.0),
    "promp-ant-goal": Definition(
        "ProMP's ant, goals within 3 m, never fails, H 200", GoalAnt, WITHIN_3_M, action_scale=10.0
    ),
    "promp-humanoid-dir": Definition(
        "ProMP's humanoid, both ways: 376 numbers observed, H 200", WholeHumanoid, (BOTH_WAYS,), action_scale=10.0
    ),
    "promp-humanoid-dir-2d": Definition(
        "ProMP's humanoid, any heading, H 200", WholeHumanoid, (ANY_HEADING,), action_scale=10.0
    ),
    "promp-walker-dir": Definition(
        "ProMP's walker, both ways: 0.016 s, H 200", PrompWalker, (BOTH_WAYS,), action_scale=10.0
    ),
    "promp-walker-vel": Definition(
        "ProMP's walker, speeds 0 to 10 m/s: 15 - |v - goal|, H 200",
        type("PrompWalkerVel", (PrompWalker,), {"alive_bonus": 15.0}),
        speed_range(0, 10),
        action_scale=10.0,
    ),
    "promp-swimmer-vel-wrong-sign": Definition(
        "ProMP's swimmer as published: the reward is the speed error, H 200",
        Swimmer,
        speed_range(0.1, 0.2),
        action_scale=10.0,
        reward=missed_velocity,
    ),
    "promp-swimmer-vel": Definition(
        "ProMP's swimmer with the sign corrected, H 200", Swimmer, speed_range(0.1, 0.2), action_scale=10.0
    ),
    "promp-point-corner": PointDefinition(
        "ProMP's point, four corners: rewarded by progress, only outside the middle, H 100",
        CORNER | {"reward": corner_progress},
    ),
    "promp-point-corner-dense": PointDefinition(
        "ProMP's point, four corners: -distance, H 100", CORNER | {"reward": distance}
    ),
}
