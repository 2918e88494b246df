"""Bernoulli bandits: the smallest tasks that need exploration, with a known optimum.

Each arm pays 1 with its own hidden probability, uniform in [0, 1], and otherwise 0; an episode is a number of pulls
(Duan et al. 2016, arXiv 1611.02779, section 3.1). The best policy follows by dynamic programming over beliefs.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from envs import rng as rng
from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.rollout import rollout
from envs.variables import VariableSampler


class BernoulliBandit(VariableSampler):
    """`arms` to choose from, `pulls` times; an action is a one-hot row, the observation is always 0."""

    def __init__(self, arms: int = 5, pulls: int = 10) -> None:
        if arms < 2 or pulls < 1:
            raise ValueError(f"got {arms} arms and {pulls} pulls, expected at least 2 arms and 1 pull")
        super().__init__(tuple(Variable(f"arm{i}", ((0.0, 1.0),)) for i in range(arms)))
        self.space = Space(obs=1, act=arms, discrete=True)
        self.horizon = pulls

    def worlds(self, tasks: Tasks, episodes: int) -> BanditWorlds:
        """`len(tasks)` bandits, each played `episodes` times in parallel."""
        self.check_names(tasks)
        return BanditWorlds(tasks, episodes, self.horizon)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)


class BanditWorlds:
    """`N` bandits times `E` episodes."""

    def __init__(self, tasks: Tasks, episodes: int, pulls: int) -> None:
        self.probabilities = tasks.values.float()[:, None].expand(-1, episodes, -1)  # [N, E, arms]
        self.pulls, self.t = pulls, 0
        self.uniforms = torch.empty(0)

    def reset(self, generator: torch.Generator) -> Tensor:
        """Start the episodes; obs [N, E, 1], all zeros."""
        self.probabilities = self.probabilities.to(generator.device)
        self.uniforms = rng.uniform((self.pulls, *self.probabilities.shape[:2]), generator, axis=1)
        self.t = 0
        return torch.zeros_like(self.probabilities[..., :1])

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pull the arm of the largest element of act [N, E, arms]."""
        chosen = act.argmax(-1, keepdim=True)
        rew = (self.uniforms[self.t] < self.probabilities.gather(-1, chosen)[..., 0]).float()
        self.t += 1
        no = torch.zeros_like(rew, dtype=torch.bool)
        return torch.zeros_like(rew)[..., None], rew, no, act.isnan().any(-1)


def best_return(arms: int, pulls: int) -> float:
    """Expected return of the best policy over an episode, by dynamic programming over beliefs (for the discounted case
    see Gittins 1979). A belief is the counts of wins and losses of each arm, in any order.
    """

    @cache
    def value(belief: tuple[tuple[int, int], ...], left: int) -> float:
        if left == 0:
            return 0.0
        best = 0.0
        for i in range(arms):
            if i and belief[i] == belief[i - 1]:
                continue  # the same as the arm before it
            won, lost = belief[i]
            p = (won + 1) / (won + lost + 2)
            rest = belief[:i] + belief[i + 1 :]
            after_win = value(tuple(sorted((*rest, (won + 1, lost)))), left - 1)
            after_loss = value(tuple(sorted((*rest, (won, lost + 1)))), left - 1)
            best = max(best, p * (1 + after_win) + (1 - p) * after_loss)
        return best

    return value(((0, 0),) * arms, pulls)
