"""Perceptrons as pure functions of a dict of tensors, all safe under `vmap`.

Axes: `O` observation, `A` action.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Categorical, Gaussian
from agents.records import Params

Activation = Literal["tanh", "elu", "relu"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "elu": F.elu, "relu": torch.relu}
MIN_STD = 1e-6  # rllab's GaussianMLPPolicy


def init_layers(sizes: tuple[int, ...], init_weight: Callable[[Tensor], object]) -> Params:
    """Weights filled by `init_weight`, and biases of zero."""
    params: Params = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weight = torch.empty(fan_out, fan_in)
        init_weight(weight)
        params[f"layer{i}.weight"], params[f"layer{i}.bias"] = weight, torch.zeros(fan_out)
    return params


def apply_layers(params: Params, x: Tensor, depth: int, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """x [B, first size] -> [B, last size], with the activation after every layer but the last."""
    for i in range(depth):
        x = torch.addmm(params[f"layer{i}.bias"], x, params[f"layer{i}.weight"].t())
        x = activation(x) if i < depth - 1 else x
    return x


def last_layer(sizes: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the parameters of a perceptron's last layer."""
    return f"layer{len(sizes) - 2}.weight", f"layer{len(sizes) - 2}.bias"


class RegressionMLP:
    """A ReLU perceptron from one number, or so many `inputs`, to one number (Finn et al. 2017, section 5.1: two layers
    of 40).

    Weights are normal with standard deviation `std`, truncated at two standard deviations, and biases zero, as in the
    authors' code.
    """

    def __init__(self, hidden: tuple[int, ...] = (40, 40), std: float = 0.01, inputs: int = 1) -> None:
        self.sizes = (inputs, *hidden, 1)
        self.std = std

    def init(self, generator: torch.Generator) -> Params:
        truncated_normal = partial(torch.nn.init.trunc_normal_, std=self.std, a=-2 * self.std, b=2 * self.std)
        return init_layers(self.sizes, partial(truncated_normal, generator=generator))

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return last_layer(self.sizes)

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """x [S, inputs] -> [S, 1]."""
        return apply_layers(params, x, len(self.sizes) - 1, torch.relu)


class MLP:
    """A perceptron with a linear last layer: Xavier-uniform weights, those of the last layer times `last_gain`, and
    biases of zero.

    With a small `last_gain` a policy starts near the mean action 0 in every state, instead of with a random gait
    (Andrychowicz et al. 2021, What matters for on-policy deep actor-critic methods, arXiv 2006.05990, section 3.2).
    activation: `tanh`, `elu` or `relu`.
    """

    def __init__(self, *sizes: int, activation: Activation = "tanh", last_gain: float = 1.0) -> None:
        self.sizes, self.activation, self.last_gain = sizes, ACTIVATIONS[activation], last_gain

    def init(self, generator: torch.Generator) -> Params:
        params = init_layers(self.sizes, partial(torch.nn.init.xavier_uniform_, generator=generator))
        weight = self.head[0]
        return params if self.last_gain == 1.0 else params | {weight: self.last_gain * params[weight]}

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return last_layer(self.sizes)

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """x [..., first size] -> [..., last size]."""
        rows = x.reshape(-1, x.shape[-1])  # flat, so that a batch of tasks is one batched matrix product
        return apply_layers(params, rows, len(self.sizes) - 1, self.activation).reshape(*x.shape[:-1], self.sizes[-1])


class GaussianMLP:
    """A perceptron for the mean, and a log standard deviation that does not depend on the state, as in rllab and ProMP.

    init_std, min_std: initial and smallest standard deviation of actions. activation, last_gain: those of `MLP`.
    """

    def __init__(
        self,
        obs: int,
        act: int,
        hidden: tuple[int, ...] = (64, 64),
        init_std: float = 1.0,
        activation: Activation = "tanh",
        last_gain: float = 1.0,
        min_std: float = MIN_STD,
    ) -> None:
        self.mean = MLP(obs, *hidden, act, activation=activation, last_gain=last_gain)
        self.init_std, self.min_log_std = init_std, math.log(min_std)

    def init(self, generator: torch.Generator) -> Params:
        return self.mean.init(generator) | {"log_std": torch.full(self.mean.sizes[-1:], math.log(self.init_std))}

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters, without the log standard deviation."""
        return self.mean.head

    def __call__(self, params: Params, x: Tensor) -> Gaussian:
        """x [..., O] -> mean and log_std [..., A]."""
        return self.distribution(params, self.mean(params, x))

    def distribution(self, params: Params, mean: Tensor) -> Gaussian:
        """A mean [..., A] with the learned standard deviation."""
        return Gaussian(mean, params["log_std"].clamp_min(self.min_log_std).expand_as(mean))


class CategoricalMLP:
    """A perceptron for the logits of discrete actions. activation, last_gain: those of `MLP`."""

    def __init__(
        self,
        obs: int,
        act: int,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "tanh",
        last_gain: float = 1.0,
    ) -> None:
        self.logits = MLP(obs, *hidden, act, activation=activation, last_gain=last_gain)

    def init(self, generator: torch.Generator) -> Params:
        return self.logits.init(generator)

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return self.logits.head

    def __call__(self, params: Params, x: Tensor) -> Categorical:
        """x [..., O] -> logits [..., A]."""
        return Categorical(self.logits(params, x))
