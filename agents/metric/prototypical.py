"""Prototypical networks: J. Snell, K. Swersky, R. Zemel, 2017, Prototypical networks for few-shot learning, arXiv
1703.05175.

Carried from task to task: an embedding. Formed within one task: the mean embedding (prototype) of each class. A query
is classified by its squared Euclidean distance to the prototypes.

Axes: `S` support images, `Q` query images, `C` classes, `D` embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.metric.support import MetricLearner, embed_query, embed_support, embed_task, one_hot
from agents.nn.embeddings import BatchNorm, Embedding
from agents.objectives import cross_entropy
from agents.records import Params, SupervisedTask
from envs.core import Examples


@dataclass(frozen=True)
class Prototypical(MetricLearner):
    """way: classes of a task. bn: statistics of batch normalisation (`agents.nn.embeddings`)."""

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"

    def init(self, generator: torch.Generator) -> Params:
        return self.embedding.init(generator)

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """Prototypes [C, D]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)  # [S, D]
        return self._prototypes(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, C]."""
        return self._logits(phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _prototypes(self, z: Tensor, y: Tensor) -> Params:
        """Class means [C, D] of embeddings [S, D], eq. 1."""
        members = one_hot(y, self.way, z)  # [S, C]
        return {"prototypes": members.T @ z / members.sum(0)[:, None]}

    def _logits(self, phi: Params, z: Tensor) -> Tensor:
        """Negative squared distances [Q, C] of embeddings [Q, D] to the prototypes, eq. 2."""
        return -(z[:, None] - phi["prototypes"][None]).square().sum(-1)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Cross entropy of the queries."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._prototypes(z, episode.support[0].y)
        return cross_entropy(self._logits(phi, queries), episode.query)
