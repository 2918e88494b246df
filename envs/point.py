"""2-D point navigation in pure torch: the smallest family, with a known optimum.

MAML's point robot (Finn et al. 2017, section 5.3): start at the origin, observation is the position, the action is a
displacement of at most 0.1 along each axis, reward is minus the distance to a goal that is not observed, goals
uniform in [-0.5, 0.5]^2, an episode ends within 0.01 of the goal along both axes. The optimum walks straight: at
most five steps of 0.1 along each axis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.rollout import rollout
from envs.variables import Varied

STEP = 0.1  # largest displacement along an axis in one step, m
REACHED = 0.01  # m


class PointNavigation(Varied):
    """Goals `goal_x`, `goal_y` in m; `ood` goals lie up to 0.2 m above the training square.

    `action_scale`: policy units that mean a displacement of 1 m.
    """

    space = Space(obs=2, act=2)

    def __init__(self, horizon: int = 100, action_scale: float = 10.0) -> None:
        self.horizon = horizon
        self.action_scale = action_scale
        square = ((-0.5, 0.5),)
        super().__init__(
            (
                Variable("goal_x", square),
                Variable("goal_y", square, ood=((0.5, 0.7),)),
            )
        )

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        goal = torch.stack([tasks.column(n) for n in self.names], 1)  # [N, 2]
        worlds = PointWorlds(goal, episodes, self.action_scale)
        return rollout(worlds, policy, self.space, (len(tasks), self.horizon, episodes), generator)


class PointWorlds:
    """`N` goals times `E` points; deterministic, so the generator is not used."""

    def __init__(self, goal: Tensor, episodes: int, action_scale: float) -> None:
        self.goal = goal[:, None].expand(-1, episodes, 2).float()  # [N, E, 2]
        self.action_scale = action_scale
        self.position = torch.zeros_like(self.goal)

    def reset(self, generator: torch.Generator) -> Tensor:
        self.position = torch.zeros_like(self.goal)
        return self.position

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        self.position = self.position + (act / self.action_scale).clamp(-STEP, STEP)
        offset = self.position - self.goal
        terminated = (offset.abs() < REACHED).all(-1)
        return self.position, -offset.norm(dim=-1), terminated, torch.zeros_like(terminated)
