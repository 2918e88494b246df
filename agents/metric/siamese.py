"""Siamese networks: G. Koch, R. Zemel, R. Salakhutdinov, 2015, Siamese neural networks for one-shot image recognition,
ICML deep learning workshop.

Carried from task to task: an embedding and the weights of a distance. Formed within one task: the embedded support. The
network is trained to verify pairs, half of which are of the same class; a query gets the class whose support items have
the largest logits of being of the same class, averaged over the shots (`mean`), or that of the single support item with
the largest logit (`nearest`, the paper's rule).

Each step learns from the pairs of an episode: every query with the support of its class and with that of every other,
the pairs of different classes weighted to one half in total. In expectation this equals one pair of different classes
for each query, with less noise and no further image to embed. With `mean` the support of a class is one item, whose
logit is the mean; with `nearest` every pair is verified by itself.

Departures: the outer step is Adam, or SGD without momentum, at one learning rate for all layers, which is not decayed
by the epoch; the embedding is configurable, Koch's own or a smaller one; rotations of training characters by quarter
turns are additional classes, as in the other learners.

Axes: `S` support images, `Q` query images, `C` classes, `D` embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.metric.support import MetricLearner, embed_query, embed_support, embed_task, one_hot
from agents.nn.embeddings import BatchNorm, Embedding
from agents.nn.koch import DENSE_STD, sample_biases
from agents.records import Params, SupervisedTask
from envs.core import Examples

DistanceInit = Literal["scaled", "normal"]
Rule = Literal["mean", "nearest"]
SLOPE = 10.0  # chosen: normalised features differ by about one half; with 1 the first thousand steps learn little


@dataclass(frozen=True)
class Siamese(MetricLearner):
    """way: classes of a task. bn: statistics of batch normalisation (`agents.nn.embeddings`).

    distance_init: initial weights of the distance. `scaled` (chosen): logits of 10 * (1/2 - mean |z1 - z2|), so that
        similar embeddings mean the same class from the first step. `normal`: random like every other layer (Koch).
    rule: how the logits of a class's pairs become one.
    l2: names of weights in theta, each with the coefficient of its penalty (section 3.2).
    """

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    distance_init: DistanceInit = "scaled"
    l2: tuple[tuple[str, float], ...] = ()
    rule: Rule = "mean"

    def init(self, generator: torch.Generator) -> Params:
        theta, d = self.embedding.init(generator), self.embedding.dim
        if self.distance_init == "scaled":
            return theta | {"distance": torch.full((d,), -SLOPE / d), "offset": torch.tensor(SLOPE / 2)}
        distance = DENSE_STD * torch.randn(d, generator=generator)
        return theta | {"distance": distance, "offset": sample_biases(1, generator)[0]}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The support as memory: embeddings [S, D] and one-hot labels [S, C]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._memory(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, C]: pair logits averaged over the support items of each class, or the largest of them."""
        return self._class_logits(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def pair_logits(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, S] that a query and a support item are of the same class."""
        return self._pair_logits(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _memory(self, z: Tensor, y: Tensor) -> Params:
        return {"memory": z, "labels": one_hot(y, self.way, z)}

    def _pair_logits(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        """sum_j a_j |z_j - z'_j| + b for embeddings [Q, D], [Q, S]."""
        difference = (z[:, None] - phi["memory"][None]).abs()  # [Q, S, D]
        return difference @ theta["distance"] + theta["offset"]

    def _class_logits(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        pairs, labels = self._pair_logits(theta, phi, z), phi["labels"]  # [Q, S], [S, C]
        if self.rule == "mean":
            return pairs @ labels / labels.sum(0)
        return pairs[..., None].masked_fill(labels == 0, -math.inf).amax(1)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Binary cross-entropy over pairs, half of them of the same class, plus the penalty (section 3.2)."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._memory(z, episode.support[0].y)
        if self.rule == "mean":
            logits = self._class_logits(theta, phi, queries)  # [Q, C]
            same = one_hot(episode.query.y, self.way, logits)
            weight = torch.where(same > 0, 0.5, 0.5 / (self.way - 1))  # the pairs of a query sum to 1
        else:
            logits = self._pair_logits(theta, phi, queries)  # [Q, S]
            same = one_hot(episode.query.y, self.way, logits) @ phi["labels"].T
            count = same.sum(-1, keepdim=True)  # shots
            weight = torch.where(same > 0, 0.5 / count, 0.5 / (same.shape[-1] - count))
        losses = F.binary_cross_entropy_with_logits(logits, same, weight, reduction="none").sum(-1)
        return losses.mean() + self.penalty(theta)

    def penalty(self, theta: Params) -> Tensor:
        """sum_j lambda_j |w_j|^2 over the weights named by `l2`."""
        return sum((coef * theta[name].square().sum() for name, coef in self.l2), theta["offset"].new_zeros(()))
