"""Prototypical networks: J. Snell, K. Swersky, R. Zemel, 2017, arXiv 1703.05175.

Carried from task to task: an embedding. Formed within one task: the mean embedding of each class. A query is judged by
its squared Euclidean distance to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.metric.support import BN_CHOICES, embed_query, embed_support, embed_task, measure, one_hot
from agents.nn.embeddings import BatchNorm, Embedding
from agents.objectives import cross_entropy
from envs.core import Examples


@dataclass(frozen=True)
class Prototypical(Learner[Tensor]):
    """`way` classes a task; `bn`: which statistics normalise (see `agents.nn.embeddings`)."""

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    bn_choices: ClassVar[tuple[str, ...]] = BN_CHOICES

    def init(self, generator: torch.Generator) -> Params:
        return self.embedding.init(generator)

    def initial_state(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """Class means of the support embeddings."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)  # [S, D]
        return self._means(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, C]."""
        return self._distances(phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _means(self, z: Tensor, y: Tensor) -> Params:
        """Prototypes [C, D] of features [S, D], eq. 1."""
        members = one_hot(y, self.way, z)  # [S, C]
        return {"prototypes": members.T @ z / members.sum(0)[:, None]}

    def _distances(self, phi: Params, z: Tensor) -> Tensor:
        """Minus the squared distances [Q, C] of features [Q, D] to the prototypes, eq. 2."""
        return -(z[:, None] - phi["prototypes"][None]).square().sum(-1)

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task."""
        return measure(self.embedding, theta, task)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._means(z, episode.support[0].y)
        return cross_entropy(self._distances(phi, queries), episode.query)
