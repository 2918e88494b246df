"""How good fine-tuning is on training tasks: what its rate and its number of gradient steps are selected by.

Axes: `N` tasks, `T` time steps, `E` episodes of a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.func import vmap

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Params, device_of
from envs.core import TaskDistribution, Tasks, Trajectories
from envs.rng import on_device
from metarl.evaluation.adaptation_curve import rounds_of
from metarl.evaluation.sampling import FINE_TUNING_SEED
from metarl.training.collect import AdvantageEstimator
from metarl.training.policies import AdaptedPolicy

BATCH = 20  # episodes of one batch of gradient steps
EVALUATED = 2  # chosen: episodes of each task that tell how good an adapted policy is


def generator_of(part: int) -> torch.Generator:
    """The random numbers of one part of the search: 0 tasks, 1 evaluations, 2, 3, ... batches of episodes.

    Each has its own, so that all candidates get the same ones, whatever numbers of episodes are asked for.
    """
    return torch.Generator().manual_seed(FINE_TUNING_SEED + part)


class Search(NamedTuple):
    """What stays the same from candidate to candidate.

    first: the first batch of episodes, of a policy that is not adapted yet: the same for all candidates.
    """

    family: TaskDistribution
    tasks: Tasks
    theta: Params
    advantage: AdvantageEstimator
    first: Trajectories

    @torch.no_grad()
    def returns(self, learner: FineTuned, after: Sequence[int]) -> dict[int, float]:
        """The mean return after each of these numbers of adaptation episodes, of which each takes the first ones."""
        phi, done = by_task(learner.initial_state(self.theta), self.tasks), 0
        found: dict[int, float] = {}
        for i, count in enumerate(rounds_of(max(after), BATCH)):
            batch = self._episodes(learner, phi, count, 2 + i) if i else self.first
            for k in after:
                if done < k <= done + count:
                    found[k] = self._mean_return(learner, self._adapt(learner, phi, batch, k - done))
            done += count
            if done < max(after):
                phi = self._adapt(learner, phi, batch, count)
        return found

    def _episodes(self, learner: Joint, phi: Params, count: int, part: int) -> Trajectories:
        return collect(self.family, self.tasks, AdaptedPolicy(learner, self.theta, phi, None), count, part)

    def _adapt(self, learner: FineTuned, phi: Params, batch: Trajectories, count: int) -> Params:
        """phi after the gradient steps on the first `count` episodes of a batch."""
        support = self.advantage(first_episodes(batch, count))
        adapted: Params = vmap(learner.adapt, in_dims=(None, 0, 0))(self.theta, phi, support)
        return adapted

    def _mean_return(self, learner: FineTuned, phi: Params) -> float:
        returns = self._episodes(learner, phi, EVALUATED, 1).returns  # [N, E]
        return returns.nanmean().nan_to_num(-torch.inf).item()


def by_task(phi: Params, tasks: Tasks) -> Params:
    """phi with a task axis in front."""
    return {k: v.expand(len(tasks), *v.shape) for k, v in phi.items()}


@torch.no_grad()
def collect(family: TaskDistribution, tasks: Tasks, policy: AdaptedPolicy, count: int, part: int) -> Trajectories:
    """So many episodes of every task, with the random numbers of this part of the search."""
    return family.experience(tasks, policy, count, on_device(device_of(policy.theta), generator_of(part)))


def first_episodes(batch: Trajectories, count: int) -> Trajectories:
    """The first `count` episodes of every task."""
    tensors = [name for name in batch._fields if name != "results"]
    axes = {name: 1 if name in ("diverged", "last_obs", "last_privileged") else 2 for name in tensors}
    first = {name: getattr(batch, name).narrow(axis, 0, count) for name, axis in axes.items()}
    return batch._replace(**first, results={name: x[:, :count] for name, x in batch.results.items()})
