"""A gradient learner whose observations are normalised by running statistics over all tasks, as those of other policies
are. Without that a robot's speeds, of tens of units, saturate the first layer of its policy.

Carried from task to task: what the learner carries, and the statistics, which change after every outer step. Formed
within one task: what the learner forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.distributions import Policy
from agents.learner import Learner
from agents.nn.statistics import initial_stats, merged_stats, normalize_input
from agents.records import Episode, Params, Transitions, without_prefix

SEEN = "seen."


@dataclass(frozen=True)
class WithNormalizedInputs(Learner[Policy]):
    """learner: adapts by gradient steps. inputs: width of the observation."""

    learner: Learner[Policy]
    inputs: int
    rounds: int

    def init(self, generator: torch.Generator) -> Params:
        return self.learner.init(generator) | initial_stats("seen", self.inputs)

    def initial_state(self, theta: Params) -> Params:
        return self.learner.initial_state(without_prefix(SEEN, theta))

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return self.learner.adapt(without_prefix(SEEN, theta), phi, _normalized(theta, support))

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Policy:
        return self.learner.apply(without_prefix(SEEN, theta), phi, normalize_input(theta, x))

    def loss(self, theta: Params, episode: Episode) -> Tensor:
        support = tuple(_normalized(theta, data) for data in episode.support)
        return self.learner.loss(without_prefix(SEEN, theta), Episode(support, _normalized(theta, episode.query)))

    def update_input_stats(self, theta: Params, data: Transitions, all_reduce_sum: AllReduceSum) -> Params:
        return theta | merged_stats(theta, "seen", data.x[data.alive], all_reduce_sum)


def _normalized(theta: Params, data: Transitions) -> Transitions:
    return data._replace(x=normalize_input(theta, data.x))
