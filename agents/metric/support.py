"""What the metric learners share: how the support and the queries are embedded."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.embeddings import BatchNorm, Embedding, running_stats
from agents.learner import Lesson, Params

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


def measure(embedding: Embedding, theta: Params, lesson: Lesson) -> Params:
    """The statistics of all images of a lesson, for `running`."""
    return embedding(theta, torch.cat([*(s.x for s in lesson.support), lesson.query.x]), measures=True).stats


def one_hot(y: Tensor, way: int, like: Tensor) -> Tensor:
    """Labels [S] -> [S, way]; by comparison, which `vmap` can batch."""
    return (y[..., None] == torch.arange(way, device=y.device)).to(like)
