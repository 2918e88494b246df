"""Trust-region policy optimisation through the adaptation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import Episode, Learner, Objective, Params, post_adaptation_objective
from agents.objectives import kl_to_sampling, policy_gradient
from metarl.config.loggers import Metrics
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks


class TRPO:
    """Trust-region step on the post-adaptation policy (Schulman et al. 2015; Finn et al. 2017, section 5.3).

    Surrogate and KL are functions of theta through the inner step. The step solves H x = g by conjugate gradient,
    H the Hessian of the mean KL of the adapted policies from those that sampled, is scaled to KL = max_kl in the
    quadratic model, and is shortened by the factor `backtrack` until the surrogate has fallen and the KL is within its
    bound; else theta stays.
    Constants: rllab's ConjugateGradientOptimizer (10 iterations, damping 1e-5, 15 backtracks of 0.8).

    ranks: who else has a share of the tasks; surrogate, KL and their derivatives are means over everybody's.
    """

    def __init__(
        self,
        learner: Learner[Any],
        theta: Params,
        *,
        max_kl: float = 0.01,
        cg_iterations: int = 10,
        damping: float = 1e-5,
        line_search_steps: int = 15,
        backtrack: float = 0.8,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        self.theta = {k: v.detach() for k, v in theta.items()}
        self.ranks = ranks
        self.max_kl = max_kl
        self.cg_iterations = cg_iterations
        self.damping = damping
        self.line_search_steps = line_search_steps
        self.backtrack = backtrack
        self._policy = post_adaptation_objective(learner, lambda out, data: out)

    def step(self, episodes: Episode) -> Metrics:
        theta = self.theta
        shapes = {k: v.shape for k, v in theta.items()}
        flat = torch.cat([v.flatten() for v in theta.values()])

        def act(at: Tensor) -> Policy:
            adapted: Any = torch.func.vmap(self._policy, in_dims=(None, 0))(_unflatten(at, shapes), episodes)
            return cast(Policy, adapted)

        def over_policies(objective: Objective) -> Callable[[Policy], Tensor]:
            return lambda out: torch.func.vmap(objective)(out, episodes.query).mean()

        lost, moved_by = over_policies(policy_gradient), over_policies(kl_to_sampling)

        def mean_over_ranks(*values: Tensor) -> list[Tensor]:
            return self.ranks.mean(values, float(len(episodes.query[0])))

        def measure(at: Tensor) -> tuple[Tensor, Tensor]:
            out = act(at)
            surrogate, kl = mean_over_ranks(lost(out), moved_by(out))
            return surrogate, kl

        leaf = flat.clone().requires_grad_()
        out = act(leaf)
        mine = lost(out)
        surrogate, gradient = mean_over_ranks(mine.detach(), torch.autograd.grad(mine, leaf, retain_graph=True)[0])
        if not (gradient.norm() + surrogate).isfinite():
            return {"skipped": 1.0}
        curvature_times = gauss_newton_product(moved_by, out, leaf)

        def hessian_times(v: Tensor) -> Tensor:
            return mean_over_ranks(curvature_times(v))[0] + self.damping * v

        direction = conjugate_gradient(hessian_times, gradient, self.cg_iterations)
        curvature = (direction @ hessian_times(direction)).clamp_min(1e-16)
        full = (2 * self.max_kl / curvature).sqrt() * direction
        new, moved, kl_after = self._line_search(flat, full, surrogate.item(), measure)
        metrics = {"loss": surrogate.item(), "grad_norm": gradient.norm().item(), "kl": kl_after, "accepted": moved}
        self.theta = _unflatten(new, shapes)
        return metrics

    @torch.no_grad()
    def _line_search(
        self, flat: Tensor, full: Tensor, before: float, measure: Callable[[Tensor], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, float, float]:
        """The longest step that improves within the bound: (theta, 1 if it moved, its KL)."""
        for i in range(self.line_search_steps):
            candidate = flat - self.backtrack**i * full
            surrogate, kl = (x.item() for x in measure(candidate))
            if surrogate < before and kl <= self.max_kl:
                return candidate, 1.0, kl
        return flat, 0.0, 0.0

    def assign(self, changes: Params) -> None:
        self.theta = self.theta | changes

    def state(self) -> Params:
        """Nothing: no tensor but theta is carried from step to step."""
        return {}

    def load(self, state: Params) -> None:
        """Nothing is carried from step to step."""


def gauss_newton_product(value: Callable[[Policy], Tensor], out: Policy, leaf: Tensor) -> Callable[[Tensor], Tensor]:
    """v -> J^T F J v, J the derivative of `out` by `leaf` and F the Hessian of `value` at `out`.

    Where the gradient of `value` at `out` is zero, as that of the KL is from a policy to itself, this is the Hessian of
    `value` by `leaf` (Schraudolph 2002), without a derivative of J, which holds one of the inner step's gradient.
    """
    kind, parts = type(out), [part for part in out if part.requires_grad]
    fixed = [part.detach().requires_grad_() for part in parts]
    slopes = torch.autograd.grad(value(kind(*_put(out, fixed))), fixed, create_graph=True)
    weights = [torch.zeros_like(part, requires_grad=True) for part in parts]
    pulled = torch.autograd.grad(parts, leaf, weights, create_graph=True)[0]  # J^T w, linear in w

    def times(v: Tensor) -> Tensor:
        pushed = torch.autograd.grad(pulled, weights, v, retain_graph=True)  # J v
        curved = torch.autograd.grad(slopes, fixed, pushed, retain_graph=True)
        return torch.autograd.grad(parts, leaf, curved, retain_graph=True)[0]

    return times


def _put(out: Policy, parts: list[Tensor]) -> list[Tensor]:
    """The fields of `out`, those that were differentiated taken from `parts`."""
    rest = iter(parts)
    return [next(rest) if part.requires_grad else part for part in out]


def conjugate_gradient(times: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tol: float = 1e-10) -> Tensor:
    """x with times(x) = b for a symmetric positive map (Hestenes and Stiefel 1952)."""
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    rr = r @ r
    for _ in range(iterations):  # all of them: several processes take part in `times`, and there is no wait for a GPU
        ap = times(p)
        alpha = torch.where(rr < tol, 0.0, rr / (p @ ap))
        x, r = x + alpha * p, r - alpha * ap
        rr, old = r @ r, rr
        p = r + torch.where(old < tol, 0.0, rr / old) * p
    return x


def _unflatten(flat: Tensor, shapes: dict[str, torch.Size]) -> Params:
    parts = torch.split(flat, [s.numel() for s in shapes.values()])
    return {k: part.view(s) for (k, s), part in zip(shapes.items(), parts, strict=True)}
