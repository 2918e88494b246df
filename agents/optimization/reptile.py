"""Reptile: A. Nichol, J. Achiam, J. Schulman, 2018, On first-order meta-learning algorithms, arXiv 1803.02999.

Carried from task to task: initial weights. Formed within one task: the weights after k gradient steps on its data. The
meta-gradient is theta - phi_k, written as the gradient of 1/2 |theta - stop_gradient(phi_k)|^2.

The query data are the last batch to adapt on, so `rounds` batches of support data give k = (rounds + 1) * inner_steps
gradient steps. With `minibatch` the examples of a task are split into batches of that size instead, which gives
inner_steps * examples / minibatch steps, as in the paper's experiments.

The inner optimiser is gradient descent, or Adam without momentum, as in the paper's experiments on images. Adam's
running mean of squared gradients is carried from task to task, as in the authors' code: it is a part of theta and is
updated like the weights, by plain outer steps (`outer.optimizer: sgd`). If it were reset for every task, the first step
would be equally long for all parameters, however small their gradients.

Departures: the paper's experiments are supervised, and here the inner loss is any objective. In evaluation every step
is on the whole support; the authors split it into minibatches, which is the same for five images at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.learner import Learner, Network, Objective, Out
from agents.optimization.descent import descend
from agents.records import Data, Episode, Params, SupervisedTask, detached, with_prefix
from envs.core import Examples

SQUARES = "squares."  # prefix in theta of Adam's running mean of squared gradients
DECAY = "unseen"  # in theta: beta_2^t, the weight that the running mean lacks
BETA, EPS = 0.999, 1e-8  # Adam's (Kingma and Ba 2015), in the authors' code too


@dataclass(frozen=True)
class Reptile(Learner[Out]):
    """inner: objective of the inner steps. inner_lr: their step size. inner_steps: steps on each batch of data.

    minibatch: examples of a batch, for supervised tasks; 0 keeps support and query as they are.
    inner_optimizer: optimiser of the inner steps.
    """

    network: Network[Out]
    inner: Objective
    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds: int = 1
    minibatch: int = 0
    inner_optimizer: Literal["sgd", "adam"] = "sgd"

    def init(self, generator: torch.Generator) -> Params:
        weights = self.network.init(generator)
        if self.inner_optimizer == "sgd":
            return weights
        squares = with_prefix(SQUARES, {k: torch.zeros_like(v) for k, v in weights.items()})
        return weights | squares | {DECAY: torch.ones(())}

    def initial_state(self, theta: Params) -> Params:
        return theta

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        if self.inner_optimizer == "sgd":
            return descend(self.network, self.inner, phi, support, self.inner_lr, self.inner_steps)[0]
        for _ in range(self.inner_steps):
            phi = self._adam_step(phi, support)
        return phi

    def _adam_step(self, phi: Params, support: Data) -> Params:
        """One step of Adam with beta_1 = 0."""
        decay = BETA * phi[DECAY]  # beta_2^t
        weights = {k: v for k, v in phi.items() if SQUARES + k in phi}
        grad = torch.func.grad(lambda at: self.inner(self.network(at, support.x), support))(weights)
        squares = {k: BETA * phi[SQUARES + k] + (1 - BETA) * g.square() for k, g in grad.items()}
        scale = {k: (v / (1 - decay)).sqrt() + EPS for k, v in squares.items()}
        weights = {k: v - self.inner_lr * grad[k] / scale[k] for k, v in weights.items()}
        return weights | with_prefix(SQUARES, squares) | {DECAY: decay}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(phi, x)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        """1/2 |theta - phi_k|^2 with phi_k detached, so that its gradient is theta - phi_k."""
        frozen = detached(theta)
        phi = self.initial_state(frozen)
        for data in self.batches(episode):
            phi = self.adapt(frozen, phi, data)
        distance = [(theta[k] - phi[k].detach()).square().sum() for k in theta]
        return 0.5 * torch.stack(distance).sum()

    def batches(self, episode: Episode | SupervisedTask) -> tuple[Data, ...]:
        """The batches to adapt on, in order."""
        if not self.minibatch:
            return (*episode.support, episode.query)
        fields = [torch.cat(tensors) for tensors in zip(*episode.support, episode.query, strict=True)]
        return tuple(Examples(*batch) for batch in zip(*(torch.split(f, self.minibatch) for f in fields), strict=True))
