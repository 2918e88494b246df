"""What the metric learners share: how support and query images are embedded.

While a learner is trained for `running` statistics, support and query pass the network together and are normalised by
their common batch, as in Snell et al.'s code: these statistics are measured on the same batches after training, and one
forward pass replaces two.

Axes: `S` support images, `Q` query images, `D` embedding.
"""

from __future__ import annotations

from typing import ClassVar, get_args

import torch
from torch import Tensor

from agents.learner import Learner
from agents.nn.embeddings import BatchNorm, Embedding, running_stats
from agents.records import Params, SupervisedTask, select_prefix, with_prefix

STATS = "stats."  # prefix in phi of the support's statistics


class MetricLearner(Learner[Tensor]):
    """A learner that classifies queries by their similarity to the support in an embedding space."""

    embedding: Embedding
    bn_choices: ClassVar[tuple[str, ...]] = get_args(BatchNorm)

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Batch normalisation statistics of all images of a training task, for `running`."""
        images = torch.cat([*(s.x for s in task.support), task.query.x])
        return self.embedding(theta, images, return_stats=True).stats


def embed_support(embedding: Embedding, theta: Params, x: Tensor, bn: BatchNorm) -> tuple[Tensor, Params]:
    """Embeddings [S, D] of the support, and the statistics to store in phi."""
    given = running_stats(theta) if bn == "running" else None
    z, stats = embedding(theta, x, given, return_stats=bn == "support")
    return z, with_prefix(STATS, stats)


def embed_query(embedding: Embedding, theta: Params, phi: Params, x: Tensor, bn: BatchNorm) -> Tensor:
    """Embeddings [Q, D] of the queries, normalised according to `bn`."""
    stats = running_stats(theta) if bn == "running" else select_prefix(STATS, phi) or None
    return embedding(theta, x, stats).z


def embed_task(embedding: Embedding, theta: Params, task: SupervisedTask, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """Embeddings of the support [S, D] and of the queries [Q, D] in training."""
    support, query = task.support[0].x, task.query.x
    if bn in ("running", "none") and running_stats(theta) is None:
        z = embedding(theta, torch.cat([support, query])).z
        return z[: len(support)], z[len(support) :]
    z, stats = embed_support(embedding, theta, support, bn)
    return z, embed_query(embedding, theta, stats, query, bn)


def one_hot(y: Tensor, way: int, like: Tensor) -> Tensor:
    """Labels [S] -> [S, way], with the dtype of `like`; by comparison, because `vmap` can batch it."""
    return (y[..., None] == torch.arange(way, device=y.device)).to(like)
