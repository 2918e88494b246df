"""Siamese networks: G. Koch, R. Zemel, R. Salakhutdinov, 2015, ICML deep learning workshop.

Carried from task to task: an embedding and the weights of a distance. Formed within one task: the embedded support.
Trained on pairs that are half of the same class; a query gets the label of the support item that is most surely of its
class, averaged over the shots by the mean of the log-odds.

A step learns from the pairs of an episode: each query with the support of its class and with that of every other, the
unlike pairs weighed down to one half in all. That is what one unlike pair for each query gives in expectation, with
less noise and no further image to embed.

Departures: the outer step is Adam, or SGD without momentum, at one rate for all layers, which are not decayed by the
epoch; the embedding is the one given, Koch's own or a smaller one; quarter turns of training characters are characters
too, as in the other learners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.metric.support import BN_CHOICES, embed_query, embed_support, embed_task, measure, one_hot
from agents.nn.embeddings import BatchNorm, Embedding
from agents.nn.koch import DENSE, draw_biases
from envs.core import Examples

Start = Literal["near", "drawn"]
STEEP = 10.0  # chosen: normalised features are about one half apart, and with 1 the first thousand steps teach little


@dataclass(frozen=True)
class Siamese(Learner[Tensor]):
    """`way` classes a task.

    start: the odds start as 10 times one half less the mean of |z1 - z2|, so that alike means near from the first step
        (`near`, ours), or are drawn like every other layer (`drawn`, Koch's).
    l2: weights of theta by name, each with the coefficient of its penalty (section 3.2).
    """

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    start: Start = "near"
    l2: tuple[tuple[str, float], ...] = ()
    bn_choices: ClassVar[tuple[str, ...]] = BN_CHOICES

    def init(self, generator: torch.Generator) -> Params:
        theta, d = self.embedding.init(generator), self.embedding.dim
        if self.start == "near":
            return theta | {"distance": torch.full((d,), -STEEP / d), "offset": torch.tensor(STEEP / 2)}
        distance = DENSE * torch.randn(d, generator=generator)
        return theta | {"distance": distance, "offset": draw_biases(1, generator)[0]}

    def initial_state(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._remember(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Mean log-odds of being the same, over the support items of each class, [Q, C]."""
        return self._of_classes(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def same(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Log-odds [Q, S] that a query and a support item are of one class."""
        return self._odds(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _remember(self, z: Tensor, y: Tensor) -> Params:
        return {"memory": z, "labels": one_hot(y, self.way, z)}

    def _odds(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        """sum_j a_j |z_j - z'_j| + b for features [Q, D], [Q, S]."""
        apart = (z[:, None] - phi["memory"][None]).abs()  # [Q, S, D]
        return apart @ theta["distance"] + theta["offset"]

    def _of_classes(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        return self._odds(theta, phi, z) @ phi["labels"] / phi["labels"].sum(0)

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task."""
        return measure(self.embedding, theta, task)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Binary cross-entropy over pairs, half of them alike, and the penalty (section 3.2)."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        odds = self._of_classes(theta, self._remember(z, episode.support[0].y), queries)  # [Q, C]
        alike = one_hot(episode.query.y, self.way, odds)
        weight = torch.where(alike > 0, 0.5, 0.5 / (self.way - 1))  # of a query's pairs, 1 in all
        wrong = F.binary_cross_entropy_with_logits(odds, alike, weight, reduction="none").sum(-1)
        return wrong.mean() + self.penalty(theta)

    def penalty(self, theta: Params) -> Tensor:
        """sum_j lambda_j |w_j|^2 over the weights that `l2` names."""
        return sum((coef * theta[name].square().sum() for name, coef in self.l2), theta["offset"].new_zeros(()))
