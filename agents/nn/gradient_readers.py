"""Small networks that turn gradients into weights, the same for every coordinate of a group of weights.

A coordinate is seen as two numbers, the logarithm of its gradient's size and its sign (Andrychowicz et al. 2016, arXiv
1606.04474, appendix A). Coordinates stand last, so that a gate of all of them is one piece of memory.

Biases start such that no gradient makes no weight; chosen. With biases of zero all weights of a layer start with the
same sign, by chance below zero, where the ReLU of a fast branch lets nothing through and nothing is ever learned.

Axes: `P` coordinates, `T` slices of the support, `I` items, `H` hidden units.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from agents.learner import Params
from agents.nn.cells import init_lstm


def log_and_sign(gradient: Tensor, log_range: float) -> Tensor:
    """(log|g| / k, sign g) where |g| >= e^-k, else (-1, e^k g): gradient [..., P] -> [2, ..., P]."""
    smallest = math.exp(-log_range)
    size = gradient.abs().clamp_min(smallest).log() / log_range
    return torch.stack([size, (gradient / smallest).clamp(-1, 1)])


def init_layers(name: str, sizes: tuple[int, ...], last_gain: float, generator: torch.Generator) -> Params:
    """Normal weights of variance 1 / fan-in, zero biases; those of the last layer are `last_gain` times as large."""
    params: Params = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        std = fan_in**-0.5 * (last_gain if i == len(sizes) - 2 else 1.0)
        params[f"{name}.weight{i}"] = torch.empty(fan_out, fan_in).normal_(std=std, generator=generator)
        params[f"{name}.bias{i}"] = torch.zeros(fan_out)
    return params


def init_m(name: str, hidden: int, last_gain: float, generator: torch.Generator) -> Params:
    """A perceptron 2-H-H-1 that makes nothing of a gradient of zero."""
    params = init_layers(name, (2, hidden, hidden, 1), last_gain, generator)
    return params | {f"{name}.bias2": -run_m(params, name, _nothing(1))[0]}


def init_d(name: str, hidden: int, slices: int, last_gain: float, generator: torch.Generator) -> Params:
    """An LSTM 2 -> H and a linear layer to one number, which make nothing of `slices` gradients of zero."""
    params = init_lstm(name, 2, hidden, generator) | init_layers(name, (hidden, 1), last_gain, generator)
    return params | {f"{name}.bias0": -run_d(params, name, _nothing(slices))}


def _nothing(slices: int) -> Tensor:
    """What gradients of zero look like, [2, T, 1]."""
    return torch.tensor([-1.0, 0.0])[:, None, None].expand(2, slices, 1)


def run_m(theta: Params, name: str, seen: Tensor) -> Tensor:
    """Weights [I, P], each from its own gradient: seen [2, I, P]."""
    h = seen.flatten(1)  # [2, I * P]
    for i in range(3):
        h = _times(theta[f"{name}.weight{i}"], h if i == 0 else h.relu()) + theta[f"{name}.bias{i}"][:, None]
    return h.view(seen.shape[1:])


def run_d(theta: Params, name: str, seen: Tensor) -> Tensor:
    """Weights [P], each from its own gradients in the order of the slices: seen [2, T, P]."""
    w, u, b = (theta[f"{name}.{part}"] for part in ("input", "recurrent", "bias"))
    weight, one = torch.cat([w, u, b[:, None]], 1), torch.ones_like(seen[0, :1])
    h = c = u.new_zeros(u.shape[1], seen.shape[-1])
    for t in range(seen.shape[1]):
        i, f, g, o = _times(weight, torch.cat([seen[:, t], h, one])).chunk(4)  # [H, P] each
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return _times(theta[f"{name}.weight0"], h)[0] + theta[f"{name}.bias0"]


def _times(weight: Tensor, x: Tensor) -> Tensor:
    """weight @ x; as a product of batches, because under `vmap` that of matrices would leave its result transposed."""
    return (weight[None] @ x[None])[0]
