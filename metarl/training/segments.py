"""Experience of a learner that does not adapt: segments, in which one episode follows another, as single steps.

Axes: `N` tasks, `T` steps, `E` worlds of a task, `P` parameters of a task.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.advantages import AllReduceSum, no_reduce, segment_advantages
from agents.learner import Episode, OnPolicyLearner, Params, Transitions, device_of
from envs.core import TaskDistribution, Tasks
from envs.rng import on_device
from metarl.training.collect import AdvantageEstimator, Clock, Collection, Rollouts, descriptor_of
from metarl.training.policies import SharedPolicy


@torch.no_grad()
def collect_segments(
    learner: OnPolicyLearner,
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    worlds: int,
    advantage: AdvantageEstimator,
    generator: torch.Generator,
    *,
    clock: Clock | None = None,
    all_reduce_sum: AllReduceSum = no_reduce,
) -> Rollouts:
    """`family.horizon` steps of so many worlds of every task, and all of them as one task [1, N * T * E, 1, ...].

    A family without `segments` gives episodes, and what is behind the end of one is not alive.
    """
    theta = {k: v.detach() for k, v in theta.items()}
    run = Collection(family, tasks, on_device(device_of(theta), generator), clock or Clock())
    descriptor = descriptor_of(family, tasks, run.generator.device)  # [N, P]
    seen = descriptor if learner.observes_task else None
    policy = SharedPolicy(learner, theta, learner.initial_state(theta), seen)
    data = run.segments(policy, worlds)

    def episode() -> Episode:
        x, last = policy.inputs(data), policy.last_inputs(data)
        told = _told(data.privileged, descriptor[:, None, None])  # [N, T, E, V + P]
        value = by_step(learner.value(theta, x, told))
        last_told = _told(data.last_privileged, descriptor[:, None])
        last_value = learner.value(theta, last, last_told).flatten() if advantage.bootstrap else None
        gamma, gae_lambda, _ = advantage
        rew, terminated, alive = (by_step(t) for t in (data.rew, data.terminated, data.alive))
        adv, ret = segment_advantages(rew, value, last_value, terminated, alive, gamma, gae_lambda, all_reduce_sum)
        shape = data.rew.shape
        stored = (x, data.act, data.logp, data.mean, data.log_std, by_task(adv, shape))
        return Episode((), Transitions(*map(_single, (*stored, data.alive, by_task(ret, shape), told))))

    return Rollouts((data,), episode)


def by_step(x: Tensor) -> Tensor:
    """[N, T, E] -> [T, N * E]."""
    return x.transpose(0, 1).flatten(1)


def by_task(x: Tensor, shape: torch.Size) -> Tensor:
    """[T, N * E] -> shape [N, T, E]."""
    tasks, steps, worlds = shape
    return x.view(steps, tasks, worlds).transpose(0, 1)


def _told(privileged: Tensor, descriptor: Tensor) -> Tensor:
    """What a critic may be told: the state [N, ..., V], and behind it the task [N, 1, ..., P]."""
    return torch.cat([privileged, descriptor.expand(*privileged.shape[:-1], -1)], -1)


def _single(x: Tensor) -> Tensor:
    """[N, T, E, ...] -> [1, N * T * E, 1, ...]."""
    return x.flatten(0, 2)[None, :, None]
