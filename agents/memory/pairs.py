"""Losses of pairs of embeddings: whether two images are of the same class.

Axes: `I` items, `T` pairs, `D` embedding.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

TINY = 1e-8  # keeps the root of a distance differentiable


def contrastive(z: Tensor, y: Tensor, margin: float) -> Tensor:
    """1/2 d^2 for pairs of the same class and 1/2 max(0, margin - d)^2 for others (Hadsell et al. 2006), summed over
    the pairs of z [I, D] and divided by the I - 1 pairs of an item.
    """
    d = ((z[:, None] - z[None]).square().sum(-1) + TINY).sqrt()  # [I, I]
    same = y[:, None] == y[None]
    pairs = 0.5 * torch.where(same, d.square(), (margin - d).clamp_min(0).square())
    return pairs.sum() / max(len(z) - 1, 1)


def sample_pairs(count: int, most: int) -> Tensor:
    """At most `most` different pairs of `count` items, at random but always the same, [T, 2].

    The support is in random order, so that these are random pairs of its images.
    """
    pairs = torch.combinations(torch.arange(count))
    return pairs[np.random.default_rng(0).permutation(len(pairs))[:most]]  # `vmap` refuses torch's random numbers


def pair_cross_entropy(first: Tensor, second: Tensor, same: Tensor, weight: Tensor) -> Tensor:
    """Sum of the cross-entropies of p = sigmoid(W |z1 - z2|), embeddings [T, D], to `same` [T], 1 or 0; W is [D]."""
    return F.binary_cross_entropy_with_logits((first - second).abs() @ weight, same, reduction="sum")
