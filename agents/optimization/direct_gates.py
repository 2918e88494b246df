"""The LSTM meta-learner with gates as its paper writes them (Ravi and Larochelle 2017, section 3.1):

    f_t = sigmoid(W_f [gradient_t, loss_t, w_{t-1}, f_{t-1}] + b_f), and i_t likewise
    w_t = f_t w_{t-1} - i_t gradient_t

There is no recurrent layer in front of the gates, and they are fed their previous values. Their weights are shared by
the coordinates of a layer of the learner, such as its first convolution with its scale and shift; each layer has its
own. Gradient and loss are preprocessed to two numbers each (section 3.2), so that W_f has six weights.

Chosen, for the paper does not say: f_0 = 1 and i_0 = 0, all is kept and nothing was added.

Axes: `P` coordinates of all weights, flattened, `L` layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import Out
from agents.optimization.lstm_meta_learner import (
    FORGET_BIAS,
    INIT_RANGE,
    META,
    STATE,
    LstmMetaLearner,
    flatten,
    preprocess,
    unflatten,
)
from agents.records import Data, Params, detached, without_prefix

INPUTS = 6  # magnitude and sign of the loss and of the gradient, the weight, the previous value of the gate


@dataclass(frozen=True)
class DirectGates(LstmMetaLearner[Out]):
    """Options as of `LstmMetaLearner`; `hidden` is without effect. Biases start as there, those of a layer alike."""

    def init(self, generator: torch.Generator) -> Params:
        def uniform(middle: float, half: float, *shape: int) -> Tensor:
            return torch.empty(*shape).uniform_(middle - half, middle + half, generator=generator)

        weights = self.network.init(generator)
        layers = len(layer_sizes(weights))
        return weights | {
            META + "forget.weight": uniform(0, INIT_RANGE, layers, INPUTS),
            META + "forget.bias": uniform(FORGET_BIAS, 0.5, layers),
            META + "input.weight": uniform(0, INIT_RANGE, layers, INPUTS),
            META + "input.bias": uniform(self.input_bias, 0.5, layers),
        }

    def initial_state(self, theta: Params) -> Params:
        """The initial weights, and what the gates are before the first step."""
        weights = without_prefix(META, theta)
        kept = torch.ones_like(flatten(weights))  # [P]
        return weights | {STATE + "forget": kept, STATE + "input": torch.zeros_like(kept)}

    def _step(self, theta: Params, phi: Params, support: Data) -> Params:
        """One update of every weight."""
        weights = without_prefix(STATE, phi)

        def loss_at(at: Params) -> Tensor:
            return self.inner(self.network(at, support.x), support)

        grads, loss = torch.func.grad_and_value(loss_at)(detached(weights))
        grad, w, sizes = flatten(grads), flatten(weights), layer_sizes(weights)
        seen = torch.cat([preprocess(loss, grad), w[None]])  # [5, P]
        forget = direct_gate(theta, "forget", seen, phi[STATE + "forget"], sizes)
        step = direct_gate(theta, "input", seen, phi[STATE + "input"], sizes)
        return unflatten(forget * w - step * grad, weights) | {STATE + "forget": forget, STATE + "input": step}


def layer_sizes(weights: Params) -> list[int]:
    """Coordinates of each layer: of the weights that follow each other and share a name up to its first dot."""
    sizes: dict[str, int] = {}
    for name, weight in weights.items():
        layer = name.partition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + weight.numel()
    return list(sizes.values())


def direct_gate(theta: Params, name: str, seen: Tensor, previous: Tensor, sizes: list[int]) -> Tensor:
    """The value of a gate in (0, 1), [P], from what it sees [5, P] and its previous value [P]."""
    parts = torch.split(torch.cat([seen, previous[None]]), sizes, -1)  # [6, P_l] each
    weights, biases = theta[f"{META}{name}.weight"], theta[f"{META}{name}.bias"]  # [L, 6], [L]
    layers = zip(weights.unbind(), biases.unbind(), parts, strict=True)
    return torch.cat([weight @ part + bias for weight, bias, part in layers]).sigmoid()
