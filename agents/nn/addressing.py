"""Addressing of an external memory [..., L, W]; weights are distributions over its `L` locations.

Axes: `L` locations, `W` width of a location, `R` heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FILL = 1e-6  # of the initial memory: the cosine of a zero vector has no gradient (Collier and Beel 2018)
SMALL = 1e-8


def initial_memory(like: Tensor, locations: int, width: int, reads: int) -> dict[str, Tensor]:
    """A constant memory, read vectors of zero, and heads that address the first location."""
    first = F.one_hot(like.new_zeros(1, dtype=torch.long), locations).to(like)  # [1, L]
    return {
        "memory": like.new_full((locations, width), FILL),
        "read": like.new_zeros(reads * width),
        "read_weights": first.expand(reads, -1),
    }


def cosine_similarity(keys: Tensor, memory: Tensor) -> Tensor:
    """Keys [..., R, W] and memory [..., L, W] -> [..., R, L] (Graves et al. 2014, eq. 6)."""
    dots = keys @ memory.mT
    norms: Tensor = keys.norm(dim=-1)[..., None] * memory.norm(dim=-1)[..., None, :]
    return dots / (norms + SMALL)


def content_weights(keys: Tensor, strength: Tensor, memory: Tensor) -> Tensor:
    """Softmax of the cosines times the strength [..., R], [..., R, L] (Graves et al. 2014, eq. 5)."""
    return (strength[..., None] * cosine_similarity(keys, memory)).softmax(-1)


def interpolate(content: Tensor, previous: Tensor, gate: Tensor) -> Tensor:
    """gate content + (1 - gate) previous, with a gate [..., R] in [0, 1] (Graves et al. 2014, eq. 7)."""
    return gate[..., None] * content + (1 - gate[..., None]) * previous


def shift(weights: Tensor, kernel: Tensor) -> Tensor:
    """Circular convolution of weights [..., L] with the odd kernel [..., K] of shifts -K//2 to K//2 (eq. 8)."""
    reach = kernel.shape[-1] // 2
    shifted = [weights.roll(by, -1) * kernel[..., by + reach, None] for by in range(-reach, reach + 1)]
    return torch.stack(shifted).sum(0)


def sharpen(weights: Tensor, gamma: Tensor) -> Tensor:
    """weights^gamma, normalised; gamma [...] is at least 1 (eq. 9)."""
    return (gamma[..., None] * (weights.clamp_min(0) + SMALL).log()).softmax(-1)


def write(memory: Tensor, weights: Tensor, erase: Tensor, add: Tensor) -> Tensor:
    """All heads erase, then all heads add (eq. 3 and 4): weights [..., R, L], erase and add [..., R, W]."""
    for head_weights, head_erase in zip(weights.unbind(-2), erase.unbind(-2), strict=True):  # prod's gradient is slow
        memory = memory * (1 - head_weights[..., None] * head_erase[..., None, :])
    return memory + weights.mT @ add


def least_used(usage: Tensor, count: int) -> Tensor:
    """1 at the `count` locations of least usage [..., L], else 0; detached (Santoro et al. 2016, eq. 6)."""
    lowest = usage.detach().topk(count, dim=-1, largest=False).indices
    return F.one_hot(lowest, usage.shape[-1]).sum(-2).to(usage)
