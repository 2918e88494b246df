"""A gradient learner whose advantages are measured from a baseline that is learned over tasks (`agents.linear_prior`).

Carried from task to task: what the learner carries, and the distribution of the baseline's weights, one for each round
of adaptation and one for the adapted policy, whose returns differ. Formed within one task: what the learner forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.distributions import Policy
from agents.learner import Learner
from agents.linear_prior import LinearPrior, initial_prior, pack_prior, unpack_prior, updated
from agents.records import Episode, Params, Transitions, without_prefix

PRIOR = "baseline."


@dataclass(frozen=True)
class WithHierarchicalBaseline(Learner[Policy]):
    """learner: adapts by gradient steps. inputs: width of the observation."""

    learner: Learner[Policy]
    inputs: int
    rounds: int

    def init(self, generator: torch.Generator) -> Params:
        theta = self.learner.init(generator)
        for k in range(self.rounds + 1):
            theta |= pack_prior(f"{PRIOR}{k}", initial_prior(self.inputs))
        return theta

    def initial_state(self, theta: Params) -> Params:
        return self.learner.initial_state(without_prefix(PRIOR, theta))

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return self.learner.adapt(without_prefix(PRIOR, theta), phi, support)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        return self.learner.apply(without_prefix(PRIOR, theta), phi, x)

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        return self.learner.loss(without_prefix(PRIOR, theta), episode)

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        return theta | self.learner.update_input_stats(without_prefix(PRIOR, theta), data, all_reduce_sum)

    def baseline_prior(self, theta: Params, round: int) -> LinearPrior:
        """That of a round; later ones than there are in training have that of the adapted policy."""
        return unpack_prior(f"{PRIOR}{min(round, self.rounds)}", theta)

    def update_baseline(self, theta: Params, episode: Episode, all_reduce_sum: AllReduceSum) -> Params:
        """theta with the priors updated by the tasks of an iteration, [N, ...]."""
        for k, data in enumerate((*episode.support, episode.query)):
            prior = updated(self.baseline_prior(theta, k), data.x, data.ret, data.alive, all_reduce_sum)
            theta = theta | pack_prior(f"{PRIOR}{k}", prior)
        return theta
