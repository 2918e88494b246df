"""Networks as pure functions of a dict of tensors, all safe under `vmap`."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from agents.distributions import Categorical, Gaussian
from agents.learner import Params

MIN_LOG_STD = math.log(1e-6)  # rllab's GaussianMLPPolicy, min_std


def last_layer(sizes: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the parameters of a perceptron's last layer."""
    return f"layer{len(sizes) - 2}.weight", f"layer{len(sizes) - 2}.bias"


class RegressionMLP:
    """A ReLU perceptron from one number to one number (Finn et al. 2017, section 5.1: two layers of 40).

    Weights are normal with deviation `std`, cut off at two deviations, and biases zero, as in the authors' code.
    """

    def __init__(self, hidden: tuple[int, ...] = (40, 40), std: float = 0.01) -> None:
        self.sizes = (1, *hidden, 1)
        self.std = std

    def init(self, generator: torch.Generator) -> Params:
        params: Params = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(self.sizes)):
            weight = torch.empty(fan_out, fan_in)
            torch.nn.init.trunc_normal_(weight, std=self.std, a=-2 * self.std, b=2 * self.std, generator=generator)
            params[f"layer{i}.weight"], params[f"layer{i}.bias"] = weight, torch.zeros(fan_out)
        return params

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return last_layer(self.sizes)

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """x [S, 1] -> [S, 1]."""
        depth = len(self.sizes) - 1
        for i in range(depth):
            x = torch.addmm(params[f"layer{i}.bias"], x, params[f"layer{i}.weight"].t())
            x = x.relu() if i < depth - 1 else x
        return x


class TanhMLP:
    """A tanh perceptron with a linear last layer: Xavier-uniform weights, zero biases."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def init(self, generator: torch.Generator) -> Params:
        params: Params = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(self.sizes)):
            weight = torch.empty(fan_out, fan_in)
            torch.nn.init.xavier_uniform_(weight, generator=generator)
            params[f"layer{i}.weight"], params[f"layer{i}.bias"] = weight, torch.zeros(fan_out)
        return params

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return last_layer(self.sizes)

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """x [..., first size] -> [..., last size]."""
        depth = len(self.sizes) - 1
        h = x.reshape(-1, x.shape[-1])  # flat, so that a batch of tasks is one batched matrix product
        for i in range(depth):
            h = torch.addmm(params[f"layer{i}.bias"], h, params[f"layer{i}.weight"].t())
            h = h.tanh() if i < depth - 1 else h
        return h.reshape(*x.shape[:-1], self.sizes[-1])


class GaussianMLP:
    """A tanh perceptron for the mean and a free log standard deviation, as in rllab and ProMP.

    The standard deviation is `init_std` at the start, in policy units.
    """

    def __init__(self, obs: int, act: int, hidden: tuple[int, ...] = (64, 64), init_std: float = 1.0) -> None:
        self.mean = TanhMLP(obs, *hidden, act)
        self.init_std = init_std

    def init(self, generator: torch.Generator) -> Params:
        return self.mean.init(generator) | {"log_std": torch.full(self.mean.sizes[-1:], math.log(self.init_std))}

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters; the deviation is not among them."""
        return self.mean.head

    def __call__(self, params: Params, x: Tensor) -> Gaussian:
        """x [..., O] -> mean and log_std [..., A]."""
        mean = self.mean(params, x)
        return Gaussian(mean, params["log_std"].clamp_min(MIN_LOG_STD).expand_as(mean))


class CategoricalMLP:
    """A tanh perceptron for the logits of one of several actions."""

    def __init__(self, obs: int, act: int, hidden: tuple[int, ...] = (64, 64)) -> None:
        self.logits = TanhMLP(obs, *hidden, act)

    def init(self, generator: torch.Generator) -> Params:
        return self.logits.init(generator)

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return self.logits.head

    def __call__(self, params: Params, x: Tensor) -> Categorical:
        """x [..., O] -> logits [..., A]."""
        return Categorical(self.logits(params, x))
