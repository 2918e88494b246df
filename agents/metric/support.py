"""What the metric learners share: how the support and the queries are embedded.

While a learner is trained for `running` statistics, support and queries pass the network together and are normalised by
their common batch, as in Snell et al.'s code: it is what those statistics are later measured on, and one pass in place
of two.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from agents.learner import Params, SupervisedTask
from agents.nn.embeddings import BatchNorm, Embedding, running_stats

BN_CHOICES = get_args(BatchNorm)
STATS = "stats."  # prefix in phi of the support's statistics


def embed_support(embedding: Embedding, theta: Params, x: Tensor, bn: BatchNorm) -> tuple[Tensor, Params]:
    """Features [S, D] of the support, and what phi keeps of its statistics."""
    given = running_stats(theta) if bn == "running" else None
    z, stats = embedding(theta, x, given, measures=bn == "support")
    return z, {STATS + k: v for k, v in stats.items()}


def embed_query(embedding: Embedding, theta: Params, phi: Params, x: Tensor, bn: BatchNorm) -> Tensor:
    """Features [Q, D] of the queries, normalised as `bn` says."""
    kept = {k.removeprefix(STATS): v for k, v in phi.items() if k.startswith(STATS)}
    stats = running_stats(theta) if bn == "running" else kept or None
    return embedding(theta, x, stats).z


def embed_task(embedding: Embedding, theta: Params, task: SupervisedTask, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """Features of the support and of the queries, as in training."""
    support, query = task.support[0].x, task.query.x
    if bn in ("running", "none") and running_stats(theta) is None:
        z = embedding(theta, torch.cat([support, query])).z
        return z[: len(support)], z[len(support) :]
    z, stats = embed_support(embedding, theta, support, bn)
    return z, embed_query(embedding, theta, stats, query, bn)


def measure(embedding: Embedding, theta: Params, task: SupervisedTask) -> Params:
    """The statistics of all images of a lesson, for `running`."""
    return embedding(theta, torch.cat([*(s.x for s in task.support), task.query.x]), measures=True).stats


def one_hot(y: Tensor, way: int, like: Tensor) -> Tensor:
    """Labels [S] -> [S, way]; by comparison, which `vmap` can batch."""
    return (y[..., None] == torch.arange(way, device=y.device)).to(like)
