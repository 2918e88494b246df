"""ProMP's tasks (Rothfuss et al. 2019, github.com/jonasrothfuss/ProMP). Ten policy units are full torque.

Its random parameters are those of `envs.classic.pearl`. Left out: points with momentum and between walls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from envs.classic.definition import (
    ANY_HEADING,
    BOTH_WAYS,
    WITHIN_3_M,
    Definition,
    PointDefinition,
    cat,
    contact_forces,
    speed_range,
)
from envs.classic.gym_bodies import CostlyAnt, GoalAnt, WholeHumanoid
from envs.core import Variable
from envs.point import Move, distance
from envs.robots import Ant, Body, HalfCheetah, Swimmer, Walker2d
from envs.variations.goals import Motion, Task, velocity

MIDDLE = 0.5  # m in the 1-norm: within it the corners pay nothing
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
    """Gym's first walker, whose right foot grips less than the left; control step 8 x 0.002 s."""

    model_file = "walker2d.xml"
    frame_skip = 8
    pays_last_step = True


def missed_velocity(motion: Motion, task: Task) -> Tensor:
    """+|v - target|: the published swimmer's reward, whose sign is wrong."""
    return -velocity(motion, task)


def corner_progress(move: Move) -> Tensor:
    """How much nearer to the goal's corner the step came, where that corner is the nearest and the middle is left."""
    goal, after = move.goal, move.after
    to_corners = (after[..., None, :] - CORNERS.to(after)).norm(dim=-1)  # [N, E, 4]
    to_goal = (after - goal).norm(dim=-1)
    nearest = to_goal <= to_corners.amin(-1) + 1e-6
    progress = (move.before - goal).norm(dim=-1) - to_goal
    return torch.where((after.abs().sum(-1) >= MIDDLE) & nearest, progress, 0.0)


CORNER_GOALS = tuple(Variable(name, ((-2.0, -2.0), (2.0, 2.0))) for name in ("goal_x", "goal_y"))
CORNER = {"variables": CORNER_GOALS, "step": 0.2, "start": 0.2, "reached": None, "action_scale": 50.0}

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    "promp-cheetah-dir": Definition(HalfCheetah, (BOTH_WAYS,), horizon=100, action_scale=10.0),
    "promp-cheetah-vel": Definition(HalfCheetah, speed_range(0, 3), action_scale=10.0),
    "promp-ant-dir": Definition(PrompAnt, (BOTH_WAYS,), action_scale=10.0),
    "promp-ant-dir-2d": Definition(PrompAnt, (ANY_HEADING,), action_scale=10.0),
    "promp-ant-goal": Definition(GoalAnt, WITHIN_3_M, action_scale=10.0),
    "promp-humanoid-dir": Definition(WholeHumanoid, (BOTH_WAYS,), action_scale=10.0),
    "promp-humanoid-dir-2d": Definition(WholeHumanoid, (ANY_HEADING,), action_scale=10.0),
    "promp-walker-dir": Definition(PrompWalker, (BOTH_WAYS,), action_scale=10.0),
    "promp-walker-vel": Definition(
        type("PrompWalkerVel", (PrompWalker,), {"alive_bonus": 15.0}), speed_range(0, 10), action_scale=10.0
    ),
    "promp-swimmer-vel-wrong-sign": Definition(
        Swimmer, speed_range(0.1, 0.2), action_scale=10.0, reward=missed_velocity
    ),
    "promp-swimmer-vel": Definition(Swimmer, speed_range(0.1, 0.2), action_scale=10.0),
    "promp-point-corner": PointDefinition(CORNER | {"reward": corner_progress}),
    "promp-point-corner-dense": PointDefinition(CORNER | {"reward": distance}),
}
