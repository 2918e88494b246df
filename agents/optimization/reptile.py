"""Reptile: A. Nichol, J. Achiam, J. Schulman, 2018, arXiv 1803.02999.

Carried from task to task: initial weights. Formed within one task: the weights after k gradient steps on its data.
The meta-gradient is theta - phi_k, written as the gradient of 1/2 |theta - sg(phi_k)|^2.

The query data serve as the last batch to adapt on, so `rounds` batches of support give k = (rounds + 1) *
inner_steps gradient steps. With `minibatch` all examples of a task are gone through in that many at a time instead,
which gives inner_steps * examples / minibatch steps, as in the paper's experiments.

The inner optimiser is gradient descent, or Adam without momentum, as in the paper's experiments on images. Its running
mean of squared gradients is carried from task to task, as in the authors' code: it is a part of theta that moves like
the weights do, by plain steps (`outer.optimizer: sgd`). (Begun anew, the first step of every task is as long for a
parameter that hardly matters as for any.)

Departures: the paper's experiments are supervised, and here the inner loss is any objective. When judged, every step is
on the whole support; the authors go through it in minibatches, which is the same for five pictures at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.learner import Data, Episode, Learner, Network, Objective, Out, Params, SupervisedTask
from agents.optimization.descent import descend
from envs.core import Examples

SQUARES, UNSEEN = "squares.", "unseen"  # in theta: Adam's mean of squared gradients, and beta_2^t, what it lacks
BETA, EPS = 0.999, 1e-8  # Adam's (Kingma and Ba 2015), in the authors' code too


@dataclass(frozen=True)
class Reptile(Learner[Out]):
    """inner: objective of the inner steps; inner_lr: their rate; inner_steps: steps on each batch of data.

    minibatch: examples of a batch; 0 keeps support and query as they are. Of examples alone: an episode is no example.
    inner_optimizer: of the inner steps.
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
        return weights | {SQUARES + k: torch.zeros_like(v) for k, v in weights.items()} | {UNSEEN: torch.ones(())}

    def initial_state(self, theta: Params) -> Params:
        return theta

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        if self.inner_optimizer == "sgd":
            return descend(self.network, self.inner, phi, support, self.inner_lr, self.inner_steps)[0]
        for _ in range(self.inner_steps):
            phi = self._by_adam(phi, support)
        return phi

    def _by_adam(self, phi: Params, support: Data) -> Params:
        """One step of Adam with beta_1 = 0."""
        unseen = BETA * phi[UNSEEN]  # beta_2^t
        weights = {k: v for k, v in phi.items() if SQUARES + k in phi}
        grad = torch.func.grad(lambda at: self.inner(self.network(at, support.x), support))(weights)
        squares = {k: BETA * phi[SQUARES + k] + (1 - BETA) * g.square() for k, g in grad.items()}
        usual = {k: (v / (1 - unseen)).sqrt() + EPS for k, v in squares.items()}
        moved = {k: v - self.inner_lr * grad[k] / usual[k] for k, v in weights.items()}
        return moved | {SQUARES + k: v for k, v in squares.items()} | {UNSEEN: unseen}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(phi, x)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        frozen = {k: v.detach() for k, v in theta.items()}
        phi = self.initial_state(frozen)
        for data in self.batches(episode):
            phi = self.adapt(frozen, phi, data)
        distance = [(theta[k] - phi[k].detach()).square().sum() for k in theta]
        return 0.5 * torch.stack(distance).sum()

    def batches(self, episode: Episode | SupervisedTask) -> tuple[Data, ...]:
        """What is adapted on, batch by batch."""
        if not self.minibatch:
            return (*episode.support, episode.query)
        together = [torch.cat(fields) for fields in zip(*episode.support, episode.query, strict=True)]
        return tuple(
            Examples(*parts) for parts in zip(*(torch.split(f, self.minibatch) for f in together), strict=True)
        )
