"""The LSTM meta-learner: S. Ravi, H. Larochelle, 2017, Optimization as a model for few-shot learning, ICLR.

Carried from task to task: initial weights, and the weights of a recurrent network that takes the place of the
optimiser. Formed within one task: the learner's weights, which are the cell state of its second layer, and what both
layers remember. The two layers are shared by all coordinates: an ordinary LSTM reads the loss and the coordinate's own
gradient, and a forget and an input gate say how much of the weight to keep and how far to step:

    w_t = sigmoid(forget_t) w_{t-1} - sigmoid(input_t) gradient_t

The gradients and losses it reads are constants: the outer gradient passes through the gates and the cell, as in the
paper's section 3.1.1.

As in the authors' code, and not as in the paper's equations, the gates feed back what goes into their sigmoids, and
read the state of the first layer in place of gradient and loss. Departures: their code divides the mean gradient once
more by the size of the batch, here it is the gradient of the inner objective; a step sees the whole support, where
they cut five shots into batches; a bias of the first layer stands once, not twice; and it starts where `input_bias`
says. Where there are several rounds, recurrent states go on from round to round.

Axes: `P` coordinates of all weights in one row, `H` hidden units. Coordinates are the last axis, so that each gate is
one block of memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import (
    Data,
    Episode,
    GradientLearner,
    Network,
    Objective,
    Out,
    Params,
    SupervisedTask,
    post_adaptation_loss,
)

META = "meta."  # prefix in theta of the two recurrent layers
STATE = "state."  # prefix in phi of what they remember
SMALL = 0.01  # half range of every weight at the start; the authors' code
FORGET_BIAS = 4.5  # the middle of U(4, 5), as there
LOG_RANGE = 10.0  # p of the preprocessing (Andrychowicz et al. 2016, appendix A)


@dataclass(frozen=True)
class LstmMetaLearner(GradientLearner[Out]):
    """inner: objective whose gradients and losses are read; outer: objective of the adapted weights.

    inner_steps: updates on each batch of support data. rounds: batches of support data. hidden: units of the LSTM.
    input_bias: of the input gate at the start, +- 0.5; its sigmoid is the first step size.
    support_penalty, penalty_coef: objective added for the support data under the weights that met it.
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
        def around(middle: float, half: float, *shape: int) -> Tensor:
            return torch.empty(*shape).uniform_(middle - half, middle + half, generator=generator)

        h = self.hidden
        return self.network.init(generator) | {
            META + "lstm.input": around(0, SMALL, 4 * h, 4),
            META + "lstm.recurrent": around(0, SMALL, 4 * h, h),
            META + "lstm.bias": around(0, SMALL, 4 * h),
            META + "forget.weight": around(0, SMALL, h + 2),
            META + "forget.bias": around(FORGET_BIAS, 0.5, 1),
            META + "input.weight": around(0, SMALL, h + 2),
            META + "input.bias": around(self.input_bias, 0.5, 1),
        }

    def initial_state(self, theta: Params) -> Params:
        """The initial weights, and nothing remembered."""
        weights = {k: v for k, v in theta.items() if not k.startswith(META)}
        flat = flatten(weights)
        blank, none = flat.new_zeros(self.hidden, flat.numel()), flat.new_zeros(flat.numel())  # [H, P], [P]
        return weights | {STATE + "h": blank, STATE + "c": blank, STATE + "forget": none, STATE + "input": none}

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        for _ in range(self.inner_steps):
            phi = self._step(theta, phi, support)
        return phi

    def adapt_with_output(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        return self.adapt(theta, phi, support), self.apply(theta, phi, support.x)

    def _step(self, theta: Params, phi: Params, support: Data) -> Params:
        """One update of every weight."""
        weights = weights_of(phi)

        def loss_at(at: Params) -> Tensor:
            return self.inner(self.network(at, support.x), support)

        grads, loss = torch.func.grad_and_value(loss_at)({k: v.detach() for k, v in weights.items()})
        grad, w = flatten(grads), flatten(weights)  # [P]
        h, c = remember(theta, preprocess(loss, grad), phi[STATE + "h"], phi[STATE + "c"])  # [H, P]
        forget = gate(theta, "forget", h, w, phi[STATE + "forget"])  # [P]
        step = gate(theta, "input", h, w, phi[STATE + "input"])  # [P]
        w = forget.sigmoid() * w - step.sigmoid() * grad  # eq. 2, with the negative gradient as candidate
        state = {STATE + "h": h, STATE + "c": c, STATE + "forget": forget, STATE + "input": step}
        return unflatten(w, weights) | state

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(weights_of(phi), x)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        return post_adaptation_loss(self, theta, episode, self.outer, self.support_penalty, self.penalty_coef)


def weights_of(phi: Params) -> Params:
    """The learner's weights, without what the recurrent layers remember."""
    return {k: v for k, v in phi.items() if not k.startswith(STATE)}


def flatten(weights: Params) -> Tensor:
    """Every coordinate in one row, [P]."""
    return torch.cat([v.flatten() for v in weights.values()])


def unflatten(flat: Tensor, like: Params) -> Params:
    """The row [P] cut into the shapes of `like`."""
    parts = torch.split(flat, [v.numel() for v in like.values()])
    return {k: part.view(v.shape) for (k, v), part in zip(like.items(), parts, strict=True)}


def preprocess(loss: Tensor, grad: Tensor) -> Tensor:
    """What the LSTM reads, [4, P]: size and sign of the loss, the same in every column, and of each gradient [P].

    Numbers of any size come within about [-1, 1]: (log |z| / p, sign z) where |z| >= e^-p, else (-1, e^p z).
    """
    return torch.cat([_size_and_sign(loss.expand_as(grad)), _size_and_sign(grad)])


def _size_and_sign(z: Tensor) -> Tensor:
    floor = math.exp(-LOG_RANGE)
    large = z.abs() >= floor
    size = torch.where(large, z.abs().clamp_min(floor).log() / LOG_RANGE, -1.0)
    return torch.stack([size, torch.where(large, z.sign(), z / floor)])


def remember(theta: Params, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of the first layer: x [4, P], h and c [H, P] -> h, c; gates in torch's order."""
    weight = torch.cat([theta[META + "lstm.input"], theta[META + "lstm.recurrent"]], 1)  # [4H, 4 + H]
    into, keep, new, out = (weight @ torch.cat([x, h]) + theta[META + "lstm.bias"][:, None]).chunk(4)
    c = keep.sigmoid() * c + into.sigmoid() * new.tanh()
    return out.sigmoid() * c.tanh(), c


def gate(theta: Params, name: str, h: Tensor, w: Tensor, before: Tensor) -> Tensor:
    """What goes into a gate's sigmoid, [P]: of the first layer, the weight, and the same a step before."""
    weight = theta[f"{META}{name}.weight"]  # [H + 2]
    return weight[:-2] @ h + weight[-2] * w + weight[-1] * before + theta[f"{META}{name}.bias"]
