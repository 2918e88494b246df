"""Reptile: A. Nichol, J. Achiam, J. Schulman, 2018, arXiv 1803.02999.

Carried from task to task: initial weights. Formed within one task: the weights after k gradient steps on its data.
The meta-gradient is theta - phi_k, written as the gradient of 1/2 |theta - sg(phi_k)|^2.

The query data serve as the last batch to adapt on, so `rounds` batches of support give k = (rounds + 1) *
inner_steps gradient steps. Departure: the paper's experiments are supervised; here the inner loss is any objective.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from agents.learner import Data, Episode, Lesson, Network, Objective, Out, Params
from agents.optimization.descent import descend


@dataclass(frozen=True)
class Reptile(Generic[Out]):
    """inner: objective of the inner steps; inner_lr: their rate; inner_steps: steps on each batch of data."""

    network: Network[Out]
    inner: Objective
    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds: int = 1
    sees_task = False

    def init(self, generator: torch.Generator) -> Params:
        return self.network.init(generator)

    def begin(self, theta: Params) -> Params:
        return theta

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        return descend(self.network, self.inner, phi, support, self.inner_lr, self.inner_steps)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(phi, x)

    def loss(self, theta: Params, episode: Episode | Lesson) -> Tensor:
        frozen = {k: v.detach() for k, v in theta.items()}
        phi, batches = frozen, (*episode.support, episode.query)
        for data in batches:
            phi = self.adapt(frozen, phi, data)
        distance = [(theta[k] - phi[k].detach()).square().sum() for k in theta]
        return 0.5 * torch.stack(distance).sum()
