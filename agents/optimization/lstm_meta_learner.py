"""LSTM meta-learner: S. Ravi, H. Larochelle, 2017, Optimization as a model for few-shot learning, ICLR.

Carried from task to task: initial weights, and the weights of a recurrent network that replaces the optimiser. Formed
within one task: the learner's weights, which are the cell state of the second recurrent layer, and the hidden states of
both layers. The two layers are shared by all coordinates: an ordinary LSTM reads the loss and the coordinate's own
gradient, and a forget and an input gate decide how much of the weight to keep and how large the step is:

    w_t = sigmoid(forget_t) w_{t-1} - sigmoid(input_t) gradient_t

The gradients and losses that it reads are detached: the outer gradient passes through the gates and the cell, as in the
paper's section 3.1.1.

As in the authors' code, and not as in the paper's equations (which are in `direct_gates`), the gates are fed their
previous pre-activations, and read the state of the first layer instead of gradient and loss. Departures: their code
divides the mean gradient once more by the batch size, here it is the gradient of the inner objective; a step uses the
whole support, where they split five shots into batches; the first layer has one bias, not two; and the initial bias of
the input gate is a setting (`input_bias`). With several rounds, the recurrent states are carried from round to round.

Axes: `P` coordinates of all weights, flattened, `H` hidden units. Coordinates are the last axis, so that each gate is
contiguous in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import GradientLearner, Network, Objective, Out, post_adaptation_loss
from agents.records import Data, Episode, Params, SupervisedTask, detached, without_prefix

META = "meta."  # prefix in theta of the two recurrent layers
STATE = "state."  # prefix in phi of their states
INIT_RANGE = 0.01  # weights start uniform in +-0.01; the authors' code
FORGET_BIAS = 4.5  # the middle of U(4, 5), as there
LOG_RANGE = 10.0  # p of the preprocessing (Andrychowicz et al. 2016, appendix A)


@dataclass(frozen=True)
class LstmMetaLearner(GradientLearner[Out]):
    """inner: objective whose gradients and losses are read. outer: objective of the adapted weights.

    inner_steps: updates on each batch of support data. rounds: batches of support data. hidden: units of the LSTM.
    input_bias: initial bias of the input gate, +- 0.5; its sigmoid is the first step size.
    support_penalty, penalty_coef: objective on the support data before each round, and its weight.
    """

    network: Network[Out]
    inner: Objective
    outer: Objective
    inner_steps: int = 5
    rounds: int = 1
    hidden: int = 20
    input_bias: float = -4.5
    support_penalty: Objective | None = None
    penalty_coef: float = 0.0

    def init(self, generator: torch.Generator) -> Params:
        def uniform(middle: float, half: float, *shape: int) -> Tensor:
            return torch.empty(*shape).uniform_(middle - half, middle + half, generator=generator)

        h = self.hidden
        return self.network.init(generator) | {
            META + "lstm.input": uniform(0, INIT_RANGE, 4 * h, 4),
            META + "lstm.recurrent": uniform(0, INIT_RANGE, 4 * h, h),
            META + "lstm.bias": uniform(0, INIT_RANGE, 4 * h),
            META + "forget.weight": uniform(0, INIT_RANGE, h + 2),
            META + "forget.bias": uniform(FORGET_BIAS, 0.5, 1),
            META + "input.weight": uniform(0, INIT_RANGE, h + 2),
            META + "input.bias": uniform(self.input_bias, 0.5, 1),
        }

    def initial_state(self, theta: Params) -> Params:
        """The initial weights, and states of zero."""
        weights = without_prefix(META, theta)
        flat = flatten(weights)
        hidden, gate = flat.new_zeros(self.hidden, flat.numel()), flat.new_zeros(flat.numel())  # [H, P], [P]
        return weights | {STATE + "h": hidden, STATE + "c": hidden, STATE + "forget": gate, STATE + "input": gate}

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        for _ in range(self.inner_steps):
            phi = self._step(theta, phi, support)
        return phi

    def adapt_with_output(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        return self.adapt(theta, phi, support), self.apply(theta, phi, support.x)

    def _step(self, theta: Params, phi: Params, support: Data) -> Params:
        """One update of every weight."""
        weights = without_prefix(STATE, phi)

        def loss_at(at: Params) -> Tensor:
            return self.inner(self.network(at, support.x), support)

        grads, loss = torch.func.grad_and_value(loss_at)(detached(weights))
        grad, w = flatten(grads), flatten(weights)  # [P]
        h, c = lstm_layer(theta, preprocess(loss, grad), phi[STATE + "h"], phi[STATE + "c"])  # [H, P]
        forget = gate(theta, "forget", h, w, phi[STATE + "forget"])  # [P]
        step = gate(theta, "input", h, w, phi[STATE + "input"])  # [P]
        w = forget.sigmoid() * w - step.sigmoid() * grad  # eq. 2, with the negative gradient as candidate
        state = {STATE + "h": h, STATE + "c": c, STATE + "forget": forget, STATE + "input": step}
        return unflatten(w, weights) | state

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(without_prefix(STATE, phi), x)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        return post_adaptation_loss(self, theta, episode, self.outer, self.support_penalty, self.penalty_coef)


def flatten(weights: Params) -> Tensor:
    """All coordinates, [P]."""
    return torch.cat([v.flatten() for v in weights.values()])


def unflatten(flat: Tensor, like: Params) -> Params:
    """Coordinates [P] in the shapes of `like`."""
    parts = torch.split(flat, [v.numel() for v in like.values()])
    return {k: part.view(v.shape) for (k, v), part in zip(like.items(), parts, strict=True)}


def preprocess(loss: Tensor, grad: Tensor) -> Tensor:
    """Input of the LSTM, [4, P]: log-magnitude and sign of the loss, repeated, and of each gradient [P].

    Numbers of any magnitude are mapped to about [-1, 1]: (log |z| / p, sign z) if |z| >= e^-p, else (-1, e^p z).
    """
    return torch.cat([_log_and_sign(loss.expand_as(grad)), _log_and_sign(grad)])


def _log_and_sign(z: Tensor) -> Tensor:
    floor = math.exp(-LOG_RANGE)
    large = z.abs() >= floor
    magnitude = torch.where(large, z.abs().clamp_min(floor).log() / LOG_RANGE, -1.0)
    return torch.stack([magnitude, torch.where(large, z.sign(), z / floor)])


def lstm_layer(theta: Params, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of the first layer: x [4, P], h and c [H, P] -> h, c; gates in the order of torch.nn.LSTM."""
    weight = torch.cat([theta[META + "lstm.input"], theta[META + "lstm.recurrent"]], 1)  # [4H, 4 + H]
    i, f, g, o = (weight @ torch.cat([x, h]) + theta[META + "lstm.bias"][:, None]).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gate(theta: Params, name: str, h: Tensor, w: Tensor, previous: Tensor) -> Tensor:
    """Pre-activation of a gate, [P], from the first layer's state, the weight, and the previous pre-activation."""
    weight = theta[f"{META}{name}.weight"]  # [H + 2]
    return weight[:-2] @ h + weight[-2] * w + weight[-1] * previous + theta[f"{META}{name}.bias"]
