"""Small networks that map gradients to fast weights, shared by all coordinates of a group of weights.

A coordinate's input is two numbers, log-magnitude and sign of its gradient (Andrychowicz et al. 2016, arXiv 1606.04474,
appendix A). Coordinates are the last axis, so that a gate of all of them is contiguous in memory.

Initial biases are such that a gradient of zero gives a weight of zero; chosen. With biases of zero all weights of a
layer start with the same random sign; if it is negative, the ReLU of the fast branch outputs zero and nothing is
learned.

Axes: `P` coordinates, `T` slices of the support, `I` items, `H` hidden units.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from agents.nn.cells import init_lstm
from agents.records import Params


def log_and_sign(gradient: Tensor, log_range: float) -> Tensor:
    """(log|g| / k, sign g) where |g| >= e^-k, else (-1, e^k g): gradient [..., P] -> [2, ..., P]."""
    smallest = math.exp(-log_range)
    magnitude = gradient.abs().clamp_min(smallest).log() / log_range
    return torch.stack([magnitude, (gradient / smallest).clamp(-1, 1)])


def init_layers(name: str, sizes: tuple[int, ...], last_gain: float, generator: torch.Generator) -> Params:
    """Normal weights of variance 1 / fan-in, zero biases; those of the last layer are multiplied by `last_gain`."""
    params: Params = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        std = fan_in**-0.5 * (last_gain if i == len(sizes) - 2 else 1.0)
        params[f"{name}.weight{i}"] = torch.empty(fan_out, fan_in).normal_(std=std, generator=generator)
        params[f"{name}.bias{i}"] = torch.zeros(fan_out)
    return params


def init_m(name: str, hidden: int, last_gain: float, generator: torch.Generator) -> Params:
    """A perceptron 2-H-H-1 whose output for a gradient of zero is zero."""
    params = init_layers(name, (2, hidden, hidden, 1), last_gain, generator)
    return params | {f"{name}.bias2": -run_m(params, name, _zero_gradients(1))[0]}


def init_d(name: str, hidden: int, slices: int, last_gain: float, generator: torch.Generator) -> Params:
    """An LSTM 2 -> H and a linear layer to one number, whose output for `slices` gradients of zero is zero."""
    params = init_lstm(name, 2, hidden, generator) | init_layers(name, (hidden, 1), last_gain, generator)
    return params | {f"{name}.bias0": -run_d(params, name, _zero_gradients(slices))}


def _zero_gradients(slices: int) -> Tensor:
    """Input for gradients of zero, [2, T, 1]."""
    return torch.tensor([-1.0, 0.0])[:, None, None].expand(2, slices, 1)


def run_m(theta: Params, name: str, x: Tensor) -> Tensor:
    """Weights [I, P], each from its own gradient: x [2, I, P]."""
    h = x.flatten(1)  # [2, I * P]
    for i in range(3):
        h = _matmul(theta[f"{name}.weight{i}"], h if i == 0 else h.relu()) + theta[f"{name}.bias{i}"][:, None]
    return h.view(x.shape[1:])


def run_d(theta: Params, name: str, x: Tensor) -> Tensor:
    """Weights [P], each from its own gradients in the order of the slices: x [2, T, P]."""
    w, u, b = (theta[f"{name}.{part}"] for part in ("input", "recurrent", "bias"))
    weight, one = torch.cat([w, u, b[:, None]], 1), torch.ones_like(x[0, :1])
    h = c = u.new_zeros(u.shape[1], x.shape[-1])
    for t in range(x.shape[1]):
        i, f, g, o = _matmul(weight, torch.cat([x[:, t], h, one])).chunk(4)  # [H, P] each
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return _matmul(theta[f"{name}.weight0"], h)[0] + theta[f"{name}.bias0"]


def _matmul(weight: Tensor, x: Tensor) -> Tensor:
    """weight @ x, as a batched product, because that of matrices gives a transposed result under `vmap`."""
    return (weight[None] @ x[None])[0]
