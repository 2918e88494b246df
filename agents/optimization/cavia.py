"""CAVIA: L. M. Zintgraf, K. Shiarlis, V. Kurin, K. Hofmann, S. Whiteson, 2019, Fast context adaptation via
meta-learning, arXiv 1810.03642.

Carried from task to task: the network's weights. Formed within one task: a short context vector, zero at the start,
that is concatenated to the network's input, or that scales and shifts feature maps of images
(`agents.nn.conditioned`). Only the context follows the gradient of the support data; the weights are trained by the
outer step to make use of it.

Departure: the inner policy gradient is differentiated as the setting `estimator` says (see `agents.objectives`), by
default with the credit of actions before adaptation that the authors' code loses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import Exploration, Objective, Out, post_adaptation_loss
from agents.nn.conditioned import ContextNetwork
from agents.optimization.descent import DescentLearner, descend
from agents.records import Data, Episode, Params, SupervisedTask, detached

CONTEXT = "context"


@dataclass(frozen=True)
class CAVIA(DescentLearner[Out]):
    """context: length of the vector (5 in the paper's 2-D navigation, 50 on the cheetah, 100 on images). inner_lr: 1 in
    the paper's 2-D navigation, 10 on the cheetah. The other options are those of MAML.
    """

    network: ContextNetwork[Out]
    context: int
    inner: Objective
    outer: Objective
    inner_lr: float = 1.0
    inner_steps: int = 1
    rounds: int = 1
    first_order: bool = False
    support_penalty: Objective | None = None
    penalty_coef: float = 0.0
    exploration: Exploration | None = None

    def init(self, generator: torch.Generator) -> Params:
        return self.network.init(generator)

    def initial_state(self, theta: Params) -> Params:
        """A context of zeros."""
        like = next(iter(theta.values()))
        return {CONTEXT: like.new_zeros(self.context)}

    def descend(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        fixed = detached(theta) if self.first_order else theta

        def network(context: Params, x: Tensor) -> Out:
            return self.apply(fixed, context, x)

        return descend(network, self.inner, phi, support, self.inner_lr, self.inner_steps, self.first_order)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(theta, x, phi[CONTEXT])

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        return post_adaptation_loss(
            self, theta, episode, self.outer, self.support_penalty, self.penalty_coef, self.exploration
        )
