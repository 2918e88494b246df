"""Adaptation and rollouts of a policy in the tasks that it was trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.core import Tasks, Trajectories
from metarl.deploy.acting import AdaptedActor
from metarl.deploy.agent import Agent
from metarl.deploy.told import descriptor_of
from metarl.evaluation.adaptation_curve import rounds_of
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, as_recurrent


class Recording(NamedTuple):
    """Steps `L` of a policy, one after the other, with what an exported file is given and should answer."""

    obs: NDArray[np.float32]  # [L, O] with what only an oracle is told of the state behind it
    last_reward: NDArray[np.float32]  # [L, 1]
    ended: NDArray[np.float32]  # [L, 1] whether an episode ended with the step before
    new_task: NDArray[np.float32]  # [L, 1]
    task: NDArray[np.float32]  # [L, P] the numbers that a policy observes
    action: NDArray[Any]  # [L, A] in [-1, 1], or the number of a discrete one [L]


def adapt_in(agent: Agent, task: Tasks, episodes: int, generator: torch.Generator) -> None:
    """Adapt to one task in the simulation that the policy was trained in, as an evaluation does."""
    trained = agent.trained
    assert isinstance(agent.actor, AdaptedActor)  # a memory adapts by itself
    for count in rounds_of(episodes, trained.episodes):
        told = descriptor_of(trained.family, task) if trained.learner.observes_task else None
        policy = AdaptedPolicy(trained.learner, trained.theta, agent.actor.phi, told)
        data = trained.family.experience(task, policy, count, generator)
        agent.adapt_to(data._replace(obs=policy.inputs(data)))


def record(agent: Agent, task: Tasks, steps: int, generator: torch.Generator) -> Recording:
    """So many steps of the evaluator's own greedy policy in one task, episode after episode."""
    family, policy = agent.trained.family, _evaluators_policy(agent, task)
    episodes: list[Trajectories] = []
    while sum(int(data.alive.sum()) for data in episodes) < steps:
        episodes.append(family.experience(task, policy, 1, generator))
        if isinstance(policy, RecurrentPolicy):
            policy.next_episode(episodes[-1].last_obs)
    obs, privileged, act, rew = (
        torch.cat([getattr(data, field)[0, data.alive[0, :, 0], 0] for data in episodes])[:steps]
        for field in ("obs", "privileged", "act", "rew")
    )  # [L, ...]
    obs = torch.cat([obs, privileged], -1) if agent.trained.learner.observes_task else obs
    starts = torch.cat([torch.arange(int(data.alive.sum())) == 0 for data in episodes])[:steps]
    first = torch.arange(len(obs)) == 0
    last_reward = torch.cat([torch.zeros(1), rew[:-1]])
    numbers = torch.stack([task.column(n) for n in agent.task_names], -1) if agent.task_names else torch.zeros(1, 0)
    columns = (last_reward[:, None], (starts & ~first)[:, None], first[:, None], numbers.expand(len(obs), -1))
    return Recording._make([obs.numpy(), *(c.float().numpy() for c in columns), _action(agent, act)])


def _evaluators_policy(agent: Agent, task: Tasks) -> AdaptedPolicy | RecurrentPolicy:
    trained = agent.trained
    if recurrent := as_recurrent(trained.learner):
        return RecurrentPolicy(recurrent, trained.theta, (1, 1), agent.space.act, greedy=1)
    assert isinstance(agent.actor, AdaptedActor)  # the other kind
    told = agent.descriptor
    if trained.learner.observes_task and told is None:
        told = descriptor_of(trained.family, task)
    return AdaptedPolicy(trained.learner, trained.theta, agent.actor.phi, told, greedy=1)


def _action(agent: Agent, act: Tensor) -> NDArray[Any]:
    if agent.space.discrete:
        return np.asarray(act.argmax(-1))
    return np.asarray((act / agent.trained.full_action).clamp(-1.0, 1.0))
