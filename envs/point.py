"""2-D navigation of a point in pure torch: the smallest family, with a known optimum.

The default is MAML's point robot (Finn et al. 2017, section 5.3): start at the origin, observation is the position, the
action is a displacement of at most 0.1 along each axis, reward is minus the distance to a goal that is not observed,
goals uniform in [-0.5, 0.5]^2, an episode ends within 0.01 of the goal along both axes. The optimum walks straight: at
most five steps of 0.1 along each axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from envs import rng as rng
from envs.contract import called, expect, name_of
from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.rollout import rollout
from envs.specified import Specified
from envs.variables import VariableSampler
from envs.variations.heading import unit_vector

SQUARE = (Variable("goal_x", ((-0.5, 0.5),)), Variable("goal_y", ((-0.5, 0.5),), ood=((0.5, 0.7),)))
INSIDE = 0.2  # m around the goal within which the sparse reward pays (Rakelly et al. 2019)


class Move(NamedTuple):
    """One step of every point."""

    before: Tensor  # [N, E, 2] m
    after: Tensor  # [N, E, 2] m
    goal: Tensor  # [N, E, 2] m


Reward = Callable[[Move], Tensor]


def distance(move: Move) -> Tensor:
    """Minus the distance to the goal, [N, E] m."""
    remaining: Tensor = (move.after - move.goal).norm(dim=-1)
    return -remaining


def inside(move: Move) -> Tensor:
    """1 - distance within 0.2 m of the goal, else 0, [N, E]."""
    remaining = (move.after - move.goal).norm(dim=-1)
    return torch.where(remaining <= INSIDE, 1 - remaining, 0.0)


class PointNavigation(Specified, VariableSampler):
    """A point that moves to a goal; observation [2] is its position in m, action [2] its displacement.

    variables: of the goal, `goal_x` and `goal_y` or `goal_distance` and `goal_heading_deg`. By default goals lie in a
        square of side 1 m, and `ood` ones up to 0.2 m above it.
    action_scale: policy units of a displacement of 1 m. step: the largest displacement along an axis, m.
    start: half width of the square in which episodes start, m.
    reached: an episode ends this close to the goal along both axes, m; None for never.
    """

    space = Space(obs=2, act=2)
    DEFAULT_HORIZON = 100  # steps; MAML's

    def __init__(
        self,
        horizon: int = DEFAULT_HORIZON,
        action_scale: float = 10.0,
        *,
        variables: tuple[Variable, ...] = SQUARE,
        reward: Reward = distance,
        step: float = 0.1,
        start: float = 0.0,
        reached: float | None = 0.01,
    ) -> None:
        super().__init__(variables)
        self.horizon = horizon
        self.action_scale = action_scale
        self.reward, self.step, self.start, self.reached = reward, step, start, reached
        at_rest = torch.zeros(3, 4, 2)
        name = f"the reward {name_of(reward)}"
        expect(called(name, reward, Move(at_rest, at_rest, at_rest)), name, (3, 4), hint="[N, E]")

    @property
    def full_action(self) -> float:
        """The largest action, in policy units."""
        return self.action_scale * self.step

    def worlds(self, tasks: Tasks, episodes: int, *, share: bool = True) -> PointWorlds:
        """`len(tasks)` goals times `episodes` points; `share` has no effect."""
        self.check_names(tasks)
        return PointWorlds(self, tasks, episodes)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)

    def segments(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """`horizon` steps of `episodes` worlds of every task, where another episode follows one that has ended."""
        shape, worlds = (len(tasks), self.horizon, episodes), self.worlds(tasks, episodes)
        return rollout(worlds, policy, self.space, shape, generator, restart=worlds.reset)


class PointWorlds:
    """`N` goals times `E` points."""

    def __init__(self, family: PointNavigation, tasks: Tasks, episodes: int) -> None:
        self.family, self.episodes = family, episodes
        self.set_tasks(tasks)
        self.position = torch.zeros_like(self.goal)

    def set_tasks(self, tasks: Tasks, mask: Tensor | None = None) -> None:
        """Set the goal of every point."""
        if "goal_distance" in tasks.names:
            goal = tasks.column("goal_distance")[:, None] * unit_vector(tasks.column("goal_heading_deg"))
        else:
            goal = torch.stack([tasks.column("goal_x"), tasks.column("goal_y")], 1)  # [N, 2]
        self.goal = goal[:, None].expand(-1, self.episodes, 2).float()  # [N, E, 2]

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E] bool, or all; returns positions [N, E, 2]."""
        device = generator.device
        self.goal, self.position = self.goal.to(device), self.position.to(device)
        fresh = torch.zeros_like(self.position)
        if self.family.start:
            fresh = self.family.start * (2 * rng.uniform(fresh.shape, generator) - 1)
        self.position = fresh if mask is None else torch.where(mask[..., None], fresh, self.position)
        return self.position

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Move by actions [N, E, 2]; a NaN action leaves the point where it is and is flagged as diverged."""
        family = self.family
        diverged = act.isnan().any(-1)
        moved = (act / family.action_scale).nan_to_num(0.0).clamp(-family.step, family.step).float()
        before = self.position
        self.position = before + torch.where(diverged[..., None], 0.0, moved)
        rew = family.reward(Move(before, self.position, self.goal))
        if family.reached is None:
            return self.position, rew, torch.zeros_like(diverged), diverged
        return self.position, rew, ((self.position - self.goal).abs() < family.reached).all(-1), diverged
