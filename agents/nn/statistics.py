"""Running statistics as a part of theta: inputs are normalised by them, and returns (Chan et al. 1979, eq. 1.5).

They are in theta under a prefix: `seen.` of inputs, `ret.` of returns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.advantages import AllReduceSum
from agents.records import Params, with_prefix

MAX_INPUT = 10.0  # standard deviations; chosen, as in common PPO implementations
MAX_COUNT = 1e7  # of steps in the statistics: still exact in float32, and older data decay
SMALL = 1e-8  # variance below which an input counts as constant


def initial_stats(name: str, size: int) -> Params:
    """Statistics of no data: mean 0 and variance 1."""
    stats = {"mean": torch.zeros(size), "var": torch.ones(size), "count": torch.zeros(1)}
    return with_prefix(f"{name}.", stats)


def std_of(theta: Params, name: str) -> Tensor:
    """Running standard deviation, detached; 1 for inputs that are constant."""
    var = theta[f"{name}.var"].detach()
    return torch.where(var > SMALL, var, 1.0).sqrt()


def normalize_input(theta: Params, x: Tensor) -> Tensor:
    """x [..., I] normalised by the running statistics and clipped."""
    return ((x - theta["seen.mean"].detach()) / std_of(theta, "seen")).clamp(-MAX_INPUT, MAX_INPUT)


def merged_stats(theta: Params, name: str, data: Tensor, all_reduce_sum: AllReduceSum) -> Params:
    """Mean and variance of all earlier data and of `data` [M, size] of all processes; nothing where there is none."""
    mean, var, count = (theta[f"{name}.{k}"] for k in ("mean", "var", "count"))
    m = float(all_reduce_sum(torch.tensor(len(data))))
    if not m:
        return {}
    fraction = m / (count + m)
    batch_mean = all_reduce_sum(data.sum(0)) / m
    batch_var = all_reduce_sum((data - batch_mean).square().sum(0)) / m
    delta = batch_mean - mean
    merged = (1 - fraction) * var + fraction * batch_var + fraction * (1 - fraction) * delta.square()
    stats = {"mean": mean + fraction * delta, "var": merged, "count": (count + m).clamp_max(MAX_COUNT)}
    return with_prefix(f"{name}.", stats)
