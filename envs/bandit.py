"""Bandits: the smallest tasks with something to find out, and with a known best way to do it.

Each arm pays 1 with a probability of its own, uniform in [0, 1], or nothing. Nobody is told the probabilities; an
episode is a number of pulls. With the prior known, the best policy is too: it looks ahead over what it could come to
believe (Duan et al. 2016, arXiv 1611.02779, section 3.1).
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
    """`arms` to choose from, `pulls` times; an action is a row of zeros and a one. There is nothing to observe."""

    def __init__(self, arms: int = 5, pulls: int = 10) -> None:
        if arms < 2 or pulls < 1:
            raise ValueError(f"{arms} arms and {pulls} pulls, expected at least 2 and 1")
        super().__init__(tuple(Variable(f"arm{i}", ((0.0, 1.0),)) for i in range(arms)))
        self.space = Space(obs=1, act=arms, discrete=True)
        self.horizon = pulls

    def worlds(self, tasks: Tasks, episodes: int) -> BanditWorlds:
        """`len(tasks)` bandits, each played `episodes` times side by side."""
        self.check_names(tasks)
        return BanditWorlds(tasks, episodes, self.horizon)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)


class BanditWorlds:
    """`N` bandits times `E` players."""

    def __init__(self, tasks: Tasks, episodes: int, pulls: int) -> None:
        self.odds = tasks.values.float()[:, None].expand(-1, episodes, -1)  # [N, E, arms]
        self.pulls, self.t = pulls, 0
        self.uniforms = torch.empty(0)

    def reset(self, generator: torch.Generator) -> Tensor:
        """Nothing to observe, [N, E, 1] zeros."""
        self.odds = self.odds.to(generator.device)
        self.uniforms = rng.uniform((self.pulls, *self.odds.shape[:2]), generator, axis=1)
        self.t = 0
        return torch.zeros_like(self.odds[..., :1])

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pull the arm of the largest element of act [N, E, arms]."""
        chosen = act.argmax(-1, keepdim=True)
        rew = (self.uniforms[self.t] < self.odds.gather(-1, chosen)[..., 0]).float()
        self.t += 1
        no = torch.zeros_like(rew, dtype=torch.bool)
        return torch.zeros_like(rew)[..., None], rew, no, act.isnan().any(-1)


def best_return(arms: int, pulls: int) -> float:
    """What the best policy can expect from an episode, by looking ahead over every belief (Gittins 1979 for the
    discounted case; here by dynamic programming). Beliefs differ by their counts, not by the order of the arms."""

    @cache
    def value(belief: tuple[tuple[int, int], ...], left: int) -> float:
        if left == 0:
            return 0.0
        best = 0.0
        for i in range(arms):
            if i and belief[i] == belief[i - 1]:
                continue  # an arm just like the one before it
            won, lost = belief[i]
            p = (won + 1) / (won + lost + 2)
            rest = belief[:i] + belief[i + 1 :]
            lucky = value(tuple(sorted((*rest, (won + 1, lost)))), left - 1)
            unlucky = value(tuple(sorted((*rest, (won, lost + 1)))), left - 1)
            best = max(best, p * (1 + lucky) + (1 - p) * unlucky)
        return best

    return value(((0, 0),) * arms, pulls)
