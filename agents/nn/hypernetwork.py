"""A policy whose weights are generated: J. Beck, M. T. Jackson, R. Vuorio, S. Whiteson, 2022, Hypernetworks in
meta-reinforcement learning, arXiv 2210.11348; J. Beck, R. Vuorio, Z. Xiong, S. Whiteson, 2023, Recurrent hypernetworks
are surprisingly strong in meta-RL, arXiv 2309.14970.

A linear layer maps an embedding of the memory to all weights and biases of the base policy, which sees the present
state. It starts by Bias-HyperInit (2022, section 4.2): its weights are zero and its biases are an ordinary initial base
policy, so that at first all memories give that policy.

Axes: `R` rows, `D` features of the memory, `I` input behind them, `Z` embedding, `P` weights and biases of the base
policy.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Categorical, Policy
from agents.nn.perceptrons import CategoricalMLP, GaussianMLP, init_layers
from agents.records import Params

GENERATED = "generated."  # of the linear layer, in the policy's parameters
EMBED = "embed."


class HypernetworkPolicy:
    """base: the policy of the first `state` of the inputs, and of the memory's features where `observes_memory`.

    dim: D. embedding: Z.
    """

    def __init__(
        self, base: GaussianMLP | CategoricalMLP, dim: int, state: int, embedding: int, observes_memory: bool
    ) -> None:
        self.base, self.dim, self.state, self.embedding = base, dim, state, embedding
        self.observes_memory = observes_memory
        self.net = base.mean if isinstance(base, GaussianMLP) else base.logits

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the last layer's parameters."""
        return f"{GENERATED}weight", f"{GENERATED}bias"

    def init(self, generator: torch.Generator) -> Params:
        params = self.base.init(generator)
        bias = torch.cat([params.pop(name).flatten() for name in self._names()])  # [P]
        layers = init_layers(
            (self.dim, self.embedding), lambda w: torch.nn.init.xavier_uniform_(w, generator=generator)
        )
        params |= {f"{EMBED}weight": layers["layer0.weight"], f"{EMBED}bias": layers["layer0.bias"]}
        return params | {f"{GENERATED}weight": torch.zeros(len(bias), self.embedding), f"{GENERATED}bias": bias}

    def _names(self) -> list[str]:
        return layer_names(len(self.net.sizes) - 1)

    def __call__(self, params: Params, x: Tensor) -> Policy:
        """Features of the memory and input behind them, x [..., D + I] -> an action distribution [...]."""
        rows = x.reshape(-1, x.shape[-1])  # [R, D + I]
        memory = rows[:, : self.dim]
        embedding = F.linear(memory, params[f"{EMBED}weight"], params[f"{EMBED}bias"]).tanh()  # [R, Z]
        state = rows[:, self.dim : self.dim + self.state]
        h = torch.cat([state, memory], -1) if self.observes_memory else state
        out = self._forward(params, h, embedding).reshape(*x.shape[:-1], -1)
        return Categorical(out) if isinstance(self.base, CategoricalMLP) else self.base.distribution(params, out)

    def _forward(self, params: Params, h: Tensor, embedding: Tensor) -> Tensor:
        """The base network with the weights of each row's embedding [R, Z], of h [R, ...]."""
        by_embedding = with_one(embedding)[:, None]  # [R, 1, Z + 1]
        layers = self._layers(params)
        for i, layer in enumerate(layers):
            h = generated_layer(layer, with_one(h), by_embedding)
            h = h if i == len(layers) - 1 else self.net.activation(h)
        return h

    def _layers(self, params: Params) -> list[Tensor]:
        """What generates each layer of the base network, [fan_in + 1, Z + 1, fan_out].

        Its last input is the bias of the layer, and its last embedding the bias of the generating layer.
        """
        generating = torch.cat([params[f"{GENERATED}weight"], params[f"{GENERATED}bias"][:, None]], 1)  # [P, Z + 1]
        layers, start = [], 0
        for fan_in, fan_out in pairwise(self.net.sizes):
            middle, end = start + fan_in * fan_out, start + (fan_in + 1) * fan_out
            weight = generating[start:middle].view(fan_out, fan_in, -1)
            layers.append(torch.cat([weight, generating[middle:end, None]], 1).permute(1, 2, 0))
            start = end
        return layers


def generating(policy: Params, fresh: Params) -> Params:
    """Parameters `fresh`, changed so that they generate the perceptron `policy`, with what it has beside its layers."""
    names = layer_names(sum(name.endswith(".weight") for name in policy))
    beside = {name: policy[name] for name in policy.keys() & fresh.keys()}
    return fresh | beside | {f"{GENERATED}bias": torch.cat([policy[name].flatten() for name in names])}


def layer_names(layers: int) -> list[str]:
    """Names of a perceptron's weights and biases, in the order in which they are generated."""
    return [f"layer{i}.{part}" for i in range(layers) for part in ("weight", "bias")]


def generated_layer(layer: Tensor, h: Tensor, by_embedding: Tensor) -> Tensor:
    """sum_k e_k W_k h, of h [R, I], embeddings e [R, 1, K] and W [I, K, O], [R, O].

    Every W_k sees h, and the outputs are then weighted: one large matrix product, where the weights sum_k e_k W_k of
    every row would fill I times O numbers each.
    """
    of_each = (h @ layer.flatten(1)).view(len(h), *layer.shape[1:])  # [R, K, O]
    return torch.bmm(by_embedding, of_each)[:, 0]


def with_one(x: Tensor) -> Tensor:
    """x [R, ...] with a 1 behind, which a bias is multiplied with."""
    return torch.cat([x, x.new_ones(len(x), 1)], -1)
