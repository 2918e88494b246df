"""Siamese networks: G. Koch, R. Zemel, R. Salakhutdinov, 2015, ICML deep learning workshop.

Carried from task to task: an embedding and the weights of a distance. Formed within one task: the embedded support.
Trained on pairs, half of them of the same class; a query gets the label of the support item that is most surely of its
class, averaged over the shots.

Departures: the embedding is the one given, without Koch's sigmoid layer; there are no affine distortions and no weight
penalty; the optimiser is Adam; and the pairs of a step are those of an episode: each query with the support of its
class, and with that of another, by the mean of the log-odds where there are several shots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.embeddings import BatchNorm, Embedding
from agents.learner import Lesson, Params
from agents.metric.support import embed_query, embed_support, measure, one_hot
from envs.core import Examples


@dataclass(frozen=True)
class Siamese:
    """`way` classes a task."""

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    rounds = 1
    sees_task = False

    def init(self, generator: torch.Generator) -> Params:
        """The distance starts as minus the mean of |z1 - z2|, so that alike means near from the first step."""
        d = self.embedding.dim
        return self.embedding.init(generator) | {"distance": torch.full((d,), -1.0 / d), "offset": torch.zeros(())}

    def begin(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return {"memory": z, "labels": one_hot(support.y, self.way, z), **stats}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Mean log-odds of being the same, over the support items of each class, [Q, C]."""
        labels = phi["labels"]
        return self.same(theta, phi, x) @ labels / labels.sum(0)

    def same(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Log-odds [Q, S] that a query and a support item are of one class: sum_j a_j |z_j - z'_j| + b."""
        z = embed_query(self.embedding, theta, phi, x, self.bn)
        apart = (z[:, None] - phi["memory"][None]).abs()  # [Q, S, D]
        return apart @ theta["distance"] + theta["offset"]

    def measure(self, theta: Params, lesson: Lesson) -> Params:
        """Statistics of batch normalisation on a training task."""
        return measure(self.embedding, theta, lesson)

    def loss(self, theta: Params, episode: Lesson) -> Tensor:
        """Binary cross-entropy over pairs, half of them alike. Labels are in random order, so the next one is any."""
        phi = self.adapt(theta, {}, episode.support[0])
        odds = self.apply(theta, phi, episode.query.x)  # [Q, C]
        alike = one_hot(episode.query.y, self.way, odds)
        other = one_hot((episode.query.y + 1) % self.way, self.way, odds)
        pairs = torch.stack([(odds * alike).sum(-1), (odds * other).sum(-1)])
        wanted = torch.stack([torch.ones_like(pairs[0]), torch.zeros_like(pairs[1])])
        return F.binary_cross_entropy_with_logits(pairs, wanted)
