"""Model-agnostic meta-learning: C. Finn, P. Abbeel, S. Levine, 2017, arXiv 1703.03400.

Carried from task to task: initial weights (and, on request, one inner rate a parameter). Formed within one task: the
weights after a few gradient steps on its support data. The outer gradient passes through those steps.

With `adapted` only some of the weights are: of the last layer, it is ANIL (Raghu et al. 2020, arXiv 1909.09157).

Departures: the inner policy gradient is in likelihood-ratio form, so that the derivative of the step keeps the credit
of the actions taken before it (Rothfuss et al. 2019, arXiv 1810.06784), and the outer objective may add ProMP's KL
penalty on the support data (same paper, eq. 13). Learned inner rates are Meta-SGD's (Li et al. 2017, arXiv
1707.09835); they may become negative, as there. A rate that falls does so with every round; the authors of MAML judge
at half of it from the second on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learner import (
    Data,
    Episode,
    Exploration,
    GradientLearner,
    Network,
    Objective,
    Out,
    Params,
    SupervisedTask,
    device_of,
    post_adaptation_loss,
)
from agents.optimization.descent import descend

RATE = "inner_lr."  # prefix in theta of the learned inner rates
SCALE = "inner_lr_scale"  # in phi, where the rate falls from round to round


@dataclass(frozen=True)
class MAML(GradientLearner[Out]):
    """inner, outer: objectives of the inner step and of the adapted policy.

    inner_lr: alpha. inner_steps: gradient steps on each batch of support data. rounds: batches of support data.
    inner_lr_decay: times alpha from round to round.
    each_round: the outer objective is the mean of that after each round (Antoniou et al. 2019, arXiv 1810.09502).
    first_order: drop the derivative of the inner gradient (FOMAML).
    learn_inner_lr: alpha becomes a tensor a parameter, carried in theta.
    adapted: names of the weights that are adapted, the last layer's for ANIL; all of them by default.
    support_penalty, penalty_coef: objective added for the support data under the weights that met it.
    exploration: what pays the actions before adaptation by the return after it (E-MAML).
    """

    network: Network[Out]
    inner: Objective
    outer: Objective
    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds: int = 1
    inner_lr_decay: float = 1.0
    each_round: bool = False
    first_order: bool = False
    learn_inner_lr: bool = False
    adapted_params: tuple[str, ...] = ()
    support_penalty: Objective | None = None
    penalty_coef: float = 0.0
    exploration: Exploration | None = None

    def init(self, generator: torch.Generator) -> Params:
        weights = self.network.init(generator)
        rates = {RATE + k: torch.full_like(v, self.inner_lr) for k, v in weights.items() if k in self._names(weights)}
        return weights | (rates if self.learn_inner_lr else {})

    def _names(self, weights: Params) -> tuple[str, ...]:
        return self.adapted_params or tuple(weights)

    def initial_state(self, theta: Params) -> Params:
        """The weights that are adapted; the others stay in theta."""
        weights = {k: v for k, v in theta.items() if not k.startswith(RATE)}
        phi = {k: weights[k] for k in self._names(weights)}
        return phi if self.inner_lr_decay == 1.0 else phi | {SCALE: torch.ones((), device=device_of(phi))}

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        return self._adapt(theta, phi, support)[0]

    def adapt_with_output(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        after, out = self._adapt(theta, phi, support)
        return after, self.apply(theta, phi, support.x) if self.first_order else out

    def _adapt(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        scale, weights = phi.get(SCALE), {k: v for k, v in phi.items() if k != SCALE}
        rate = {k: theta[RATE + k] if self.learn_inner_lr else self.inner_lr for k in weights}
        if scale is not None:
            rate = {k: scale * v for k, v in rate.items()}
        fixed = {k: v.detach() for k, v in theta.items()} if self.first_order else theta

        def network(weights: Params, x: Tensor) -> Out:
            return self.apply(fixed, weights, x)

        moved, out = descend(network, self.inner, weights, support, rate, self.inner_steps, self.first_order)
        return moved if scale is None else moved | {SCALE: scale * self.inner_lr_decay}, out

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        return self.network(theta | phi if self.adapted_params else phi, x)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        return post_adaptation_loss(
            self,
            theta,
            episode,
            self.outer,
            self.support_penalty,
            self.penalty_coef,
            self.exploration,
            self.each_round,
        )
