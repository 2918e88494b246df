"""Relation networks: F. Sung, Y. Yang, L. Zhang, T. Xiang, P. Torr, T. Hospedales, 2018, arXiv 1711.06025.

Carried from task to task: an embedding that keeps its maps, and a module that judges pairs of them. Formed within one
task: the sum of each class's maps. A query is judged by the learned relation of its maps to those of each class.

Departures: ten queries a class instead of 19, and turns for each class instead of one for the whole episode. With
`bn: support` the pairs, of which the support alone has none, are normalised by their own batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.metric.support import BN_CHOICES, embed_query, embed_support, embed_task, measure, one_hot
from agents.nn.embeddings import BatchNorm, Embedded, normalise, running_stats
from agents.nn.pooling import max_pool
from envs.core import Examples

CHANNELS = 64
HIDDEN = 8  # of the last perceptron
BLOCKS = ((0, True), (0, True), (1, False), (1, False))  # padding, pooling: 28 -> 13 -> 5 -> 5 -> 5
SIDE = 5


class Maps:
    """Four convolutional blocks of which the last two do not pool, [S, 64, 5, 5] for 28 x 28 pixels."""

    dim = CHANNELS * SIDE * SIDE

    def init(self, generator: torch.Generator) -> Params:
        params: Params = {}
        for i in range(len(BLOCKS)):
            params |= _block(f"conv{i}", 1 if i == 0 else CHANNELS, generator)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, measures: bool = False) -> Embedded:
        used: Params = {}
        for i, (padding, pools) in enumerate(BLOCKS):
            x, mine = _convolve(params, f"conv{i}", x, padding, stats, measures)
            used |= mine
            x = max_pool(x) if pools else x
        return Embedded(x, used)


@dataclass(frozen=True)
class Relation(Learner[Tensor]):
    """`way` classes a task; images of 28 x 28 pixels."""

    way: int
    bn: BatchNorm = "running"
    embedding = Maps()
    bn_choices: ClassVar[tuple[str, ...]] = BN_CHOICES

    def init(self, generator: torch.Generator) -> Params:
        theta = self.embedding.init(generator)
        theta |= _block("relate0", 2 * CHANNELS, generator) | _block("relate1", CHANNELS, generator)
        for name, fan_in, fan_out in (("hidden", CHANNELS, HIDDEN), ("score", HIDDEN, 1)):
            weight = torch.empty(fan_out, fan_in)
            theta[f"{name}.weight"] = torch.nn.init.xavier_uniform_(weight, generator=generator)
            theta[f"{name}.bias"] = torch.zeros(fan_out)
        return theta

    def initial_state(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """Sums of each class's maps, [C, 64, 5, 5]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._sums(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Relation scores in (0, 1), [Q, C], as their log-odds."""
        return self._relate(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))[0]

    def _sums(self, z: Tensor, y: Tensor) -> Params:
        members = one_hot(y, self.way, z)
        return {"classes": (members.T @ z.flatten(1)).view(self.way, *z.shape[1:])}

    def _relate(self, theta: Params, phi: Params, z: Tensor, measures: bool = False) -> tuple[Tensor, Params]:
        """Log-odds [Q, C] for maps [Q, 64, 5, 5], and on request the statistics of the pairs."""
        classes = phi["classes"]
        shape = (len(z), self.way, *z.shape[1:])
        pairs = torch.cat([classes[None].expand(shape), z[:, None].expand(shape)], 2).flatten(0, 1)
        stats = running_stats(theta) if self.bn == "running" else None  # pairs with the support itself there are none
        used: Params = {}
        for name in ("relate0", "relate1"):
            pairs, mine = _convolve(theta, name, pairs, 1, stats, measures)
            pairs, used = max_pool(pairs), used | mine
        h = F.relu(pairs.flatten(1) @ theta["hidden.weight"].T + theta["hidden.bias"])
        return (h @ theta["score.weight"].T + theta["score.bias"]).view(len(z), self.way), used

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task, of images and of pairs."""
        z, queries = embed_task(self.embedding, theta, task, self.bn)
        pairs = self._relate(theta, self._sums(z, task.support[0].y), queries, measures=True)[1]
        return measure(self.embedding, theta, task) | pairs

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Mean squared error of the scores to 1 for the right class and 0 for the others, eq. 2."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._sums(z, episode.support[0].y)
        scores = self._relate(theta, phi, queries)[0].sigmoid()
        return (scores - one_hot(episode.query.y, self.way, scores)).square().mean()


def _block(name: str, inputs: int, generator: torch.Generator) -> Params:
    weight = torch.nn.init.xavier_uniform_(torch.empty(CHANNELS, inputs, 3, 3), generator=generator)
    return {f"{name}.weight": weight, f"{name}.scale": torch.ones(CHANNELS), f"{name}.shift": torch.zeros(CHANNELS)}


def _convolve(
    params: Params, name: str, x: Tensor, padding: int, stats: Params | None, measures: bool
) -> tuple[Tensor, Params]:
    x = F.conv2d(x, params[f"{name}.weight"], padding=padding)
    x, used = normalise(x, params[f"{name}.scale"], params[f"{name}.shift"], stats, name, measures)
    return F.relu(x), used
