"""Relation networks: F. Sung, Y. Yang, L. Zhang, T. Xiang, P. Torr, T. Hospedales, 2018, Learning to compare: relation
network for few-shot learning, arXiv 1711.06025.

Carried from task to task: an embedding that outputs feature maps, and a relation module that scores pairs of them.
Formed within one task: the sum of the feature maps of each class. A query is classified by the relation score of its
maps and those of each class.

Departures: ten queries a class instead of 19, and rotations drawn for each class instead of once for the whole episode.
With `bn: support` the pairs are normalised by their own batch, because the support alone has no pairs.

Axes: `S` support images, `Q` query images, `C` classes, `h` x `h` pixels of a feature map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.metric.support import MetricLearner, embed_query, embed_support, embed_task, one_hot
from agents.nn.embeddings import BatchNorm, Embedded, normalise, running_stats
from agents.nn.layout import channels_last
from agents.nn.pooling import max_pool
from agents.records import Params, SupervisedTask
from envs.core import Examples

CHANNELS = 64
HIDDEN = 8  # units of the last perceptron
BLOCKS = ((0, True), (0, True), (1, False), (1, False))  # padding, pooling: 28 -> 13 -> 5 -> 5 -> 5


class RelationEmbedding:
    """Four convolutional blocks, the last two without pooling: [S, 64, h, h], where h is 5 for 28 x 28 pixels."""

    def __init__(self, channels: int = 1, size: int = 28) -> None:
        self.channels, self.side = channels, size
        for padding, pools in BLOCKS:
            self.side = (self.side - 2 + 2 * padding) // (2 if pools else 1)
        self.dim = CHANNELS * self.side**2

    def init(self, generator: torch.Generator) -> Params:
        params: Params = {}
        for i in range(len(BLOCKS)):
            params |= _init_block(f"conv{i}", self.channels if i == 0 else CHANNELS, generator)
        return params

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        used: Params = {}
        x = channels_last(x)
        for i, (padding, pools) in enumerate(BLOCKS):
            x, block_stats = _conv_block(params, f"conv{i}", x, padding, stats, return_stats)
            used |= block_stats
            x = max_pool(x) if pools else x
        return Embedded(x, used)


@dataclass(frozen=True)
class Relation(MetricLearner):
    """way: classes of a task. bn: statistics of batch normalisation."""

    way: int
    bn: BatchNorm = "running"
    embedding: RelationEmbedding = field(default_factory=RelationEmbedding)

    def init(self, generator: torch.Generator) -> Params:
        theta = self.embedding.init(generator)
        theta |= _init_block("relate0", 2 * CHANNELS, generator) | _init_block("relate1", CHANNELS, generator)
        for name, fan_in, fan_out in (
            ("hidden", CHANNELS * (self.embedding.side // 4) ** 2, HIDDEN),
            ("score", HIDDEN, 1),
        ):
            weight = torch.empty(fan_out, fan_in)
            theta[f"{name}.weight"] = torch.nn.init.xavier_uniform_(weight, generator=generator)
            theta[f"{name}.bias"] = torch.zeros(fan_out)
        return theta

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """Sums of the feature maps of each class, [C, 64, h, h]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._class_sums(z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits [Q, C], whose sigmoid is the relation score."""
        return self._relation_logits(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))[0]

    def _class_sums(self, z: Tensor, y: Tensor) -> Params:
        members = one_hot(y, self.way, z)  # [S, C]
        return {"classes": (members.T @ z.flatten(1)).view(self.way, *z.shape[1:])}

    def _relation_logits(
        self, theta: Params, phi: Params, z: Tensor, return_stats: bool = False
    ) -> tuple[Tensor, Params]:
        """Logits [Q, C] for feature maps [Q, 64, h, h], and on request the batch statistics of the pairs."""
        stats = running_stats(theta) if self.bn == "running" else None
        pairs, used = _normalise_block(theta, "relate0", self._pair_maps(theta, phi["classes"], z), stats, return_stats)
        pairs, last = _conv_block(theta, "relate1", max_pool(pairs), 1, stats, return_stats)
        pairs, used = max_pool(pairs), used | last
        h = F.relu(pairs.flatten(1) @ theta["hidden.weight"].T + theta["hidden.bias"])
        return (h @ theta["score.weight"].T + theta["score.bias"]).view(len(z), self.way), used

    def _pair_maps(self, theta: Params, classes: Tensor, z: Tensor) -> Tensor:
        """The first convolution of every class beside every query, [Q * C, 64, h, h], which is the sum of one of the
        classes [C, 64, h, h] and one of the queries [Q, 64, h, h].
        """
        weight = theta["relate0.weight"]
        of_class, of_query = weight[:, :CHANNELS], weight[:, CHANNELS:]
        maps = F.conv2d(z, of_query, padding=1)[:, None] + F.conv2d(classes, of_class, padding=1)
        return channels_last(maps.flatten(0, 1))

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Batch normalisation statistics of a training task, of its images and of its pairs."""
        z, queries = embed_task(self.embedding, theta, task, self.bn)
        pairs = self._relation_logits(theta, self._class_sums(z, task.support[0].y), queries, return_stats=True)[1]
        return super().measure_bn(theta, task) | pairs

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Mean squared error of the scores to 1 for the right class and 0 for the others, eq. 2."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._class_sums(z, episode.support[0].y)
        scores = self._relation_logits(theta, phi, queries)[0].sigmoid()
        return (scores - one_hot(episode.query.y, self.way, scores)).square().mean()


def _init_block(name: str, inputs: int, generator: torch.Generator) -> Params:
    weight = torch.nn.init.xavier_uniform_(torch.empty(CHANNELS, inputs, 3, 3), generator=generator)
    return {f"{name}.weight": weight, f"{name}.scale": torch.ones(CHANNELS), f"{name}.shift": torch.zeros(CHANNELS)}


def _conv_block(
    params: Params, name: str, x: Tensor, padding: int, stats: Params | None, return_stats: bool
) -> tuple[Tensor, Params]:
    """Convolution, batch normalisation and ReLU."""
    return _normalise_block(params, name, F.conv2d(x, params[f"{name}.weight"], padding=padding), stats, return_stats)


def _normalise_block(
    params: Params, name: str, x: Tensor, stats: Params | None, return_stats: bool
) -> tuple[Tensor, Params]:
    """Batch normalisation and ReLU."""
    x, used = normalise(x, params[f"{name}.scale"], params[f"{name}.shift"], stats, name, return_stats)
    return F.relu(x), used
