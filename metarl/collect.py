"""The one path of the data: tasks -> [experience -> adapt] x rounds -> experience."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from agents.advantages import advantages
from agents.learner import Episode, Learner, Params, Transitions
from agents.objectives import log_prob
from envs.core import Action, TaskDistribution, Tasks, Trajectories


@dataclass
class Clock:
    """Seconds spent in the parts of an iteration."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, part: str, since: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - since


class Credit(NamedTuple):
    """How actions get their credit: discount and GAE's lambda."""

    gamma: float = 0.99
    gae_lambda: float = 1.0

    def __call__(self, data: Trajectories) -> Transitions:
        """Trajectories [N, ...] with advantages, each task against a baseline of its own.

        Nothing is learned from an episode whose simulation broke down: it counts as not alive from its start.
        """
        data = data._replace(alive=data.alive & ~data.diverged[:, None])
        one_task = partial(advantages, gamma=self.gamma, gae_lambda=self.gae_lambda)
        adv = vmap(one_task)(data.obs, data.rew, data.terminated, data.alive)
        return Transitions(data.obs, data.act, data.logp, data.mean, data.log_std, adv, data.alive)


class Acting:
    """A learner's adapted policies [N] as one policy over all worlds; keeps its own time."""

    def __init__(self, learner: Learner, theta: Params, phi: Params, descriptor: Tensor | None) -> None:
        self.learner, self.theta, self.phi, self.descriptor = learner, theta, phi, descriptor
        self.seconds = 0.0

    def __call__(self, obs: Tensor, generator: torch.Generator) -> Action:
        start = time.perf_counter()
        out = vmap(self.learner.apply, in_dims=(None, 0, 0))(self.theta, self.phi, self.see(obs))
        noise = torch.randn(out.mean.shape, generator=generator)
        act = out.mean + out.log_std.exp() * noise
        action = Action(act, log_prob(out, act), out.mean, out.log_std)
        self.seconds += time.perf_counter() - start
        return action

    def see(self, obs: Tensor) -> Tensor:
        """obs [N, ..., O], for the oracle with the true task [P] behind it."""
        if self.descriptor is None:
            return obs
        told = self.descriptor[(slice(None), *(None,) * (obs.dim() - 2))]  # [N, 1, ..., P]
        return torch.cat([obs, told.expand(*obs.shape[:-1], -1)], -1)


class Lived(NamedTuple):
    """An episode for the learner, and what happened in it, round by round."""

    episode: Episode  # every tensor [N, ...]
    trajectories: tuple[Trajectories, ...]  # rounds of support, then the query


@torch.no_grad()
def live(
    learner: Learner,
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    episodes: int,
    credit: Credit,
    generator: torch.Generator,
    *,
    rounds: int | None = None,
    clock: Clock | None = None,
) -> Lived:
    """Live through `tasks`: `rounds` (the learner's own by default) times collect and adapt, then collect once more."""
    clock = clock or Clock()
    theta = {k: v.detach() for k, v in theta.items()}
    phi = {k: v.expand(len(tasks), *v.shape) for k, v in learner.begin(theta).items()}
    descriptor = family.descriptor(tasks) if learner.sees_task else None
    data: list[Transitions] = []
    trajectories: list[Trajectories] = []
    rounds = learner.rounds if rounds is None else rounds
    for k in range(rounds + 1):
        policy = Acting(learner, theta, phi, descriptor)
        start = time.perf_counter()
        lived = family.experience(tasks, policy, episodes, generator)
        clock.add("simulation", start + policy.seconds)
        clock.seconds["policy"] = clock.seconds.get("policy", 0.0) + policy.seconds
        start = time.perf_counter()
        data.append(credit(lived._replace(obs=policy.see(lived.obs))))
        trajectories.append(lived)
        if k < rounds:
            phi = vmap(learner.adapt, in_dims=(None, 0, 0))(theta, phi, data[-1])
        clock.add("learning", start)
    return Lived(Episode(tuple(data[:-1]), data[-1]), tuple(trajectories))
