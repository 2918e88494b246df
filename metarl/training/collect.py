"""The one path of the data: tasks -> [experience -> adapt] x rounds -> experience."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch.func import vmap

from agents.advantages import AllReduceSum, advantages, no_reduce
from agents.learner import Episode, Learner, Params, Transitions, device_of
from envs.core import TaskDistribution, Tasks, Trajectories
from envs.rng import on_device
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, as_recurrent


@dataclass
class Clock:
    """Seconds spent in the parts of an iteration. Of one on a card, `simulation` is with the policy acting."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, part: str, since: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - since


class AdvantageEstimator(NamedTuple):
    """How actions get their credit: discount and GAE's lambda."""

    gamma: float = 0.99
    gae_lambda: float = 1.0

    def __call__(self, data: Trajectories) -> Transitions:
        """Trajectories [N, ...] with advantages, each task against a baseline of its own.

        Nothing is learned from an episode whose simulation broke down: it counts as not alive from its start.
        """
        data = data._replace(alive=data.alive & ~data.diverged[:, None])
        one_task = partial(advantages, gamma=self.gamma, gae_lambda=self.gae_lambda)
        adv, ret = vmap(one_task)(data.obs, data.rew, data.terminated, data.alive)
        return Transitions(data.obs, data.act, data.logp, data.mean, data.log_std, adv, data.alive, ret)


@dataclass(frozen=True)
class Rollouts:
    """What happened, round by round, and made when it is asked for, an episode to learn from."""

    trajectories: tuple[Trajectories, ...]  # rounds of support, then the query
    make_episode: Callable[[], Episode]

    @cached_property
    @torch.no_grad()
    def episode(self) -> Episode:
        """Every tensor [N, ...]; of a learner that adapts while it acts, one task of all trials [1, ...]."""
        return self.make_episode()


def synchronize_device(device: torch.device | str) -> None:
    """Until a card has done what it was told; the processor does it at once."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def collect_rollouts(
    learner: Learner[Any],
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    plan: Sequence[int],
    advantage: AdvantageEstimator,
    generator: torch.Generator,
    *,
    greedy: int = 0,
    clock: Clock | None = None,
    all_reduce_sum: AllReduceSum = no_reduce,
) -> Rollouts:
    """Live through `tasks`: collect and adapt round by round, then collect once more.

    plan: the episodes of each round, and behind them those that the adapted policy is judged on. Of a learner that
    adapts while it acts a round is one episode, of as many trials of every task as the plan says, side by side.
    greedy: in so many of the last ones it takes the likeliest action; a learner with rounds acts by chance in those.
    total: sums over all who live through other tasks of the same batch.
    generator: of the processor. Everything is where theta is; on a card chance is too, from a seed drawn here.
    """
    clock = clock or Clock()
    theta = {k: v.detach() for k, v in theta.items()}
    generator = on_device(device_of(theta), generator)
    rounds, worlds = len(plan) - 1, (len(tasks), plan[-1])
    recurrent = _recurrent_policy(learner, theta, worlds, family.space.act, greedy)
    phi = {k: v.expand(len(tasks), *v.shape) for k, v in learner.initial_state(theta).items()}
    descriptor = family.descriptor(tasks).to(generator.device) if learner.observes_task else None
    data: list[Transitions] = []
    trajectories: list[Trajectories] = []
    for k, episodes in enumerate(plan):
        policy = recurrent or AdaptedPolicy(learner, theta, phi, descriptor, greedy if k == rounds else 0)
        start, thought = time.perf_counter(), policy.seconds
        rollouts = family.experience(tasks, policy, episodes, generator)
        synchronize_device(generator.device)
        acting = policy.seconds - thought if generator.device.type == "cpu" else 0.0  # elsewhere it is only asked for
        clock.add("simulation", start + acting)
        clock.seconds["policy"] = clock.seconds.get("policy", 0.0) + acting
        trajectories.append(rollouts)
        start = time.perf_counter()
        if isinstance(policy, RecurrentPolicy):
            policy.next_episode()
            continue
        seen = rollouts._replace(obs=policy.with_descriptor(rollouts.obs))
        if k < rounds:
            data.append(advantage(seen))
            phi = vmap(learner.adapt, in_dims=(None, 0, 0))(theta, phi, data[-1])
        synchronize_device(generator.device)
        clock.add("learning", start)
    if recurrent is not None:
        trials = partial(recurrent.trials, trajectories, advantage.gamma, advantage.gae_lambda, all_reduce_sum)
        return Rollouts(tuple(trajectories), lambda: Episode((), trials()))
    return Rollouts(tuple(trajectories), lambda: Episode(tuple(data), advantage(seen)))


def _recurrent_policy(
    learner: Learner[Any], theta: Params, worlds: tuple[int, int], act: int, greedy: int
) -> RecurrentPolicy | None:
    """Of a learner that adapts while it acts."""
    recurrent = as_recurrent(learner)
    return RecurrentPolicy(recurrent, theta, worlds, act, greedy) if recurrent else None
