"""MAML: C. Finn, P. Abbeel, S. Levine, 2017, Model-agnostic meta-learning for fast adaptation of deep networks, arXiv
1703.03400.

Carried from task to task: initial weights and, on request, a step size for each parameter. Formed within one task: the
weights after a few gradient steps on its support data. The outer gradient is differentiated through those steps.

With `adapted_params` only some of the weights are adapted; those of the last layer give ANIL (Raghu et al. 2020, arXiv
1909.09157).

Departures: the inner policy gradient is in likelihood-ratio form, so that the derivative of the step keeps the credit
of the actions taken before it (Rothfuss et al. 2019, arXiv 1810.06784), and the outer objective may add ProMP's KL
penalty on the support data (same paper, eq. 13). Learned step sizes are those of Meta-SGD (Li et al. 2017, arXiv
1707.09835); they may become negative, as there. Of MAML++ (Antoniou, Edwards, Storkey 2019, arXiv 1810.09502) there are
a step size for each layer and step, the scales and shifts of batch normalisation for each step, and the loss after each
step, all with the same weight: there the weights move to the last step during training, and gradients are of first
order at the beginning. Its running statistics for each step, which their code does not use, are left out. A step size
with `inner_lr_decay` decays at every round; the authors of MAML evaluate with half of it from the second step on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from agents.learner import Exploration, Network, Objective, Out, post_adaptation_loss
from agents.optimization.descent import DescentLearner, descend
from agents.records import (
    Data,
    Episode,
    Params,
    SupervisedTask,
    detached,
    device_of,
    select_prefix,
    with_prefix,
    without_prefix,
)

INNER_LR = "inner_lr."  # prefix in theta of the learned step sizes
LR_SCALE = "inner_lr_scale"  # in phi: factor of the step size, if it decays from round to round
STEP = "inner_step"  # in phi: how many steps were taken, if each has its own step size
NORM = "norm_of_step."  # prefix in theta of the scales and shifts of each step
NORMALISES = (".scale", ".shift")  # how the names of a network's scales and shifts end


@dataclass(frozen=True)
class MAML(DescentLearner[Out]):
    """inner, outer: objectives of the inner step and of the adapted parameters.

    inner_lr: alpha. inner_steps: gradient steps on each batch of support data. rounds: batches of support data.
    inner_lr_decay: factor of alpha from round to round.
    each_round: average the outer objective over all rounds (Antoniou et al. 2019, arXiv 1810.09502).
    first_order: drop the derivative of the inner gradient (FOMAML).
    each_step: average the outer objective over the query data after each inner step (same source); one round.
    learn_inner_lr: alpha is a tensor for each parameter, learned as a part of theta.
    lr_per_step: alpha is, in its place, a number for each tensor of weights and each inner step of each round; further
        steps have that of the last.
    norm_per_step: with it, scales and shifts of batch normalisation are not adapted, but learned for each inner step:
        of the support before a step and of the queries after it.
    adapted_params: names of the weights to adapt, for example those of the last layer (ANIL); empty for all.
    support_penalty, penalty_coef: objective on the support data before each round, and its weight.
    exploration: credits the actions before adaptation with the return after it (E-MAML).
    """

    network: Network[Out]
    inner: Objective
    outer: Objective
    inner_lr: float = 0.1
    inner_steps: int = 1
    rounds: int = 1
    inner_lr_decay: float = 1.0
    each_round: bool = False
    each_step: bool = False
    first_order: bool = False
    learn_inner_lr: bool = False
    lr_per_step: bool = False
    norm_per_step: bool = False
    adapted_params: tuple[str, ...] = ()
    support_penalty: Objective | None = None
    penalty_coef: float = 0.0
    exploration: Exploration | None = None

    def init(self, generator: torch.Generator) -> Params:
        weights: Params = self.network.init(generator)
        if self.norm_per_step:
            norms = {k: v.repeat(self.inner_steps, 1) for k, v in weights.items() if k.endswith(NORMALISES)}
            weights = {k: v for k, v in weights.items() if k not in norms} | with_prefix(NORM, norms)
        if not self.learn_inner_lr:
            return weights
        adapted = self._adapted(weights)
        if self.lr_per_step:
            adapted = {k: torch.empty(self.inner_steps * self.rounds) for k in adapted}
        return weights | with_prefix(INNER_LR, {k: torch.full_like(v, self.inner_lr) for k, v in adapted.items()})

    def _adapted(self, weights: Params) -> Params:
        return {k: weights[k] for k in self.adapted_params or weights if not k.startswith(NORM)}

    def initial_state(self, theta: Params) -> Params:
        """The weights to adapt; the others stay in theta."""
        phi = self._adapted(without_prefix(INNER_LR, theta))
        if self.lr_per_step:
            return phi | {STEP: torch.zeros((), device=device_of(phi))}
        return phi if self.inner_lr_decay == 1.0 else phi | {LR_SCALE: torch.ones((), device=device_of(phi))}

    def descend(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        if self.lr_per_step:
            return self._descend_by_steps(theta, phi, support)
        scale, weights = phi.get(LR_SCALE), without_prefix(LR_SCALE, phi)
        lr = {k: theta[INNER_LR + k] if self.learn_inner_lr else self.inner_lr for k in weights}
        if scale is not None:
            lr = {k: scale * v for k, v in lr.items()}
        adapted, out = self._steps(theta, weights, support, lr, self.inner_steps)
        return adapted if scale is None else adapted | {LR_SCALE: scale * self.inner_lr_decay}, out

    def _steps(
        self,
        theta: Params,
        weights: Params,
        support: Data,
        lr: Mapping[str, Tensor | float],
        steps: int,
        norms: Params | None = None,
    ) -> tuple[Params, Out]:
        fixed, norms = (detached(p) if self.first_order else p for p in (theta, norms or {}))

        def network(weights: Params, x: Tensor) -> Out:
            return self.apply(fixed, weights | norms, x)

        return descend(network, self.inner, weights, support, lr, steps, self.first_order)

    def _descend_by_steps(self, theta: Params, phi: Params, support: Data) -> tuple[Params, Out]:
        """`descend` where every step has step sizes of its own."""
        step, weights, outputs = phi[STEP], without_prefix(STEP, phi), []
        for _ in range(self.inner_steps):
            rates = {k: theta[INNER_LR + k] for k in weights}
            lr = {k: (rate * _is_at(step, rate)).sum() for k, rate in rates.items()}
            weights, out = self._steps(theta, weights, support, lr, 1, self._norms(theta, step))
            outputs.append(out)
            step = step + 1
        return weights | {STEP: step}, outputs[0]

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        if self.norm_per_step and STEP in phi:
            phi = phi | self._norms(theta, (phi[STEP] - 1).clamp_min(0))
        return self.network(theta | phi if self.adapted_params else phi, x)

    def _norms(self, theta: Params, step: Tensor) -> Params:
        """Scales and shifts of an inner step, where each has its own."""
        rows = select_prefix(NORM, theta) if self.norm_per_step else {}
        return {k: (v * _is_at(step, v)[:, None]).sum(0) for k, v in rows.items()}

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        if self.each_step:
            return self._loss_of_each_step(theta, episode)
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

    def _loss_of_each_step(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        (support,), phi, losses = episode.support, self.initial_state(theta), []
        once = replace(self, inner_steps=1)
        for _ in range(self.inner_steps):
            phi = once.adapt(theta, phi, support)
            losses.append(self.outer(self.apply(theta, phi, episode.query.x), episode.query))
        return torch.stack(losses).mean()


def _is_at(step: Tensor, rates: Tensor) -> Tensor:
    """1 at the place of a step among the rates [K] of all steps, the last for later ones, and 0 elsewhere."""
    places = torch.arange(len(rates), device=rates.device)
    return (places == step.clamp_max(len(rates) - 1)).to(rates)
