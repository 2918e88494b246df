"""Outer steps: how theta moves, given the experience of a meta-batch of tasks."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from agents.distributions import Policy
from agents.learner import (
    Episode,
    Experience,
    Learner,
    Objective,
    Params,
    RecurrentLearner,
    map_tensors,
    mean_over_tasks,
    post_adaptation_objective,
)
from agents.objectives import kl_to_sampling, policy_gradient
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks

Metrics = dict[str, float]
log = logging.getLogger(__name__)
MAX_HALVINGS = 15  # chosen: a step of 1/30,000 is none


class Outer(Protocol):
    """Moves theta; may carry tensors of its own from step to step."""

    def step(self, theta: Params, episodes: Episode) -> tuple[Params, Metrics]:
        """A new theta from the experience [N, ...] that the old one collected."""

    def state(self) -> Params:
        """Tensors to store in a checkpoint."""

    def load(self, state: Params) -> None:
        """Put back what `state` gave."""


class HasLoss(Protocol):
    """All that a gradient needs of a learner."""

    def loss(self, theta: Params, episode: Any) -> Tensor:
        """The meta-objective of one task, a scalar."""


class Gradient:
    """`num_epochs` optimiser steps on the learner's loss over the same experience.

    With several epochs and a learner whose outer objective is PPO's clipped one, this is ProMP's outer step
    (Rothfuss et al. 2019, algorithm 1). With `sgd` and one epoch it is Reptile's, of step size `outer_lr`.

    A loss or a gradient that is infinite or not a number leaves theta as it is; metrics say `skipped`.

    max_grad_norm: the gradient's norm over all parameters is scaled down to this; 0 leaves it alone.
    lr_halve_every: the rate is halved after so many steps (Snell et al. 2017: 2000); 0 leaves it alone.
    lr_anneal_over: the rate falls in a line, to be 0 after so many steps (Nichol et al. 2018: all); 0 leaves it alone.
    max_kl: the whole step is halved until the mean KL from the adapted policies that sampled to the new ones is within
        this; 0 leaves it alone. As a policy grows sure of itself the same step moves it ever further, and clipping
        alone does not hold it: without a bound a long training ends in a collapse. Of several rounds it is the last's.
    minibatches: parts of the experience, each of which takes a step in every epoch, drawn anew: of its tasks, or of its
        episodes where all is one task.
    ranks, tasks: who else differentiates a share of so many tasks; the step is that of all of them.
    chunk: how many tasks are differentiated at once; 0 takes all. On a processor fewer stay in the caches; where a
        card's memory is short, it is halved until they fit. The gradient is the same but for the order of its sums.
    """

    def __init__(
        self,
        learner: HasLoss,
        theta: Params,
        *,
        outer_lr: float,
        num_epochs: int = 1,
        optimizer: str = "adam",
        max_grad_norm: float = 0.0,
        max_kl: float = 0.0,
        minibatches: int = 1,
        lr_halve_every: int = 0,
        lr_anneal_over: int = 0,
        chunk: int = 0,
        ranks: Ranks = SINGLE_PROCESS,
        tasks: int = 1,
    ) -> None:
        self.learner, self.chunk = learner, chunk
        self.ranks, self.tasks = ranks, tasks
        self.outer_lr, self.steps = outer_lr, 0
        self.lr_halve_every, self.lr_anneal_over = lr_halve_every, lr_anneal_over
        self.max_kl = max_kl
        self.num_epochs, self.minibatches = num_epochs, minibatches
        self.max_grad_norm = max_grad_norm
        self.leaves = {k: v.detach().clone().requires_grad_() for k, v in theta.items()}
        kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
        self.optimizer = kinds[optimizer](list(self.leaves.values()), lr=outer_lr, fused=True)

    def step(self, theta: Params, episodes: Experience) -> tuple[Params, Metrics]:
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        self.optimizer.param_groups[0]["lr"] = self._rate()
        self.steps += 1
        with torch.no_grad():
            for k, v in theta.items():
                self.leaves[k].copy_(v)
        for part, weight in self._parts(episodes):
            self.optimizer.zero_grad()
            loss = self._average(self._differentiate(part), weight)
            norm = torch.nn.utils.clip_grad_norm_(self.leaves.values(), self.max_grad_norm or float("inf"))
            if not (norm + loss).isfinite():
                return dict(theta), {"skipped": 1.0}
            self.optimizer.step()
            losses.append(loss)
            norms.append(norm)
        last = torch.stack(losses[-self.minibatches :])
        metrics = {"loss": last.double().mean().item(), "grad_norm": torch.stack(norms).double().mean().item()}
        new = {k: v.detach().clone() for k, v in self.leaves.items()}
        if not self.max_kl:
            return new, metrics
        new, kl, halvings = self._within_bound(theta, new, episodes)
        return new, metrics | {"kl": kl, "halvings": halvings}

    def _rate(self) -> float:
        """Of the step that comes."""
        rate = self.outer_lr
        if self.lr_halve_every:
            rate *= 0.5 ** (self.steps // self.lr_halve_every)
        if self.lr_anneal_over:
            rate *= max(1 - self.steps / self.lr_anneal_over, 0.0)
        return rate

    def _parts(self, episodes: Any) -> Iterator[tuple[Any, float]]:
        """The experience, or minibatches of it, as often as there are epochs; and how much each counts.

        Minibatches are drawn of everybody's experience; who has nothing of one gets some of its own, which counts 0.
        """
        if self.minibatches == 1:
            yield from itertools.repeat((episodes, self._weight(episodes)), self.num_epochs)
            return
        generator = torch.Generator().manual_seed(self.steps)
        axis = 2 if self._is_one(episodes) else 0  # [N, T, E]
        own = episodes.query.alive.shape[axis]
        start, whole = self.ranks.place(own, self.tasks) if self.ranks.count > 1 else (0, own)
        for _ in range(self.num_epochs):
            order = torch.randperm(whole, generator=generator)
            for chosen in order.tensor_split(self.minibatches):
                mine = chosen[(chosen >= start) & (chosen < start + own)] - start
                index = (mine if len(mine) else torch.zeros(1, dtype=torch.long)).to(episodes.query.alive.device)
                part = map_tensors(episodes, partial(torch.index_select, dim=axis, index=index))
                yield part, self._weight(part) if len(mine) else 0.0

    def _is_one(self, episodes: Any) -> bool:
        """Whether all experience is one task, of whose episodes minibatches are made."""
        return isinstance(self.learner, RecurrentLearner) or (len(episodes.query[0]) == 1 and self.ranks.count == 1)

    def _weight(self, part: Any) -> float:
        """How much a mean over a part of the experience counts beside others': by tasks, or by steps of one."""
        if self.ranks.count == 1:
            return 1.0
        return float(part.query.alive.sum()) if self._is_one(part) else float(len(part.query[0]))

    def _average(self, loss: Tensor, weight: float) -> Tensor:
        """The loss over everybody's tasks, whose gradient the leaves get in place of that over one's own."""
        if self.ranks.count == 1:
            return loss
        learned = [leaf for leaf in self.leaves.values() if leaf.grad is not None]
        mine = [loss.to(learned[0]), *(cast(Tensor, leaf.grad) for leaf in learned)]
        loss, *gradients = self.ranks.mean(mine, weight)
        for leaf, gradient in zip(learned, gradients, strict=True):
            leaf.grad = gradient
        return loss

    def _differentiate(self, episodes: Any) -> Tensor:
        """Add the gradient of the mean loss over tasks to the leaves; that loss."""
        while True:
            try:
                return self._sum_gradients(episodes)
            except torch.OutOfMemoryError:
                count = len(episodes.query[0])
                if self.chunk == 1 or count == 1:
                    raise
                self.chunk = max(min(self.chunk or count, count) // 2, 1)
            log.warning("the card's memory is short: %d tasks are differentiated at once from now on", self.chunk)
            self.optimizer.zero_grad()
            torch.cuda.empty_cache()

    def _sum_gradients(self, episodes: Any) -> Tensor:
        total = torch.zeros(())
        for part, share in _chunks(episodes, self.chunk):
            loss = share * mean_over_tasks(self.learner.loss, self.leaves, part)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            total = total + loss.detach()
        return total

    @torch.no_grad()
    def _within_bound(self, theta: Params, new: Params, episodes: Any) -> tuple[Params, float, float]:
        """The step from theta to `new`, halved until its KL is within the bound: (theta, its KL, halvings)."""
        measure = post_adaptation_objective(cast(Learner, self.learner), kl_to_sampling)  # only what acts has a bound
        parts = _chunks(episodes, self.chunk)
        for halvings in range(MAX_HALVINGS):
            mine = torch.stack([share * mean_over_tasks(measure, new, part) for part, share in parts]).sum()
            kl = self.ranks.mean([mine], self._weight(episodes))[0].item()
            if kl <= self.max_kl:
                return new, kl, float(halvings)
            new = {k: theta[k] + 0.5 * (v - theta[k]) for k, v in new.items()}
        return theta, 0.0, float(MAX_HALVINGS)

    def state(self) -> Params:
        stored = self.optimizer.state_dict()["state"]
        tensors = {f"{i}.{k}": v.clone() for i, entry in stored.items() for k, v in entry.items() if v is not None}
        return tensors | {"steps": torch.tensor(self.steps)}

    def load(self, state: Params) -> None:
        whole = self.optimizer.state_dict() | {"state": {}}
        self.steps = int(state.get("steps", torch.tensor(0)))
        for key, value in state.items():
            if key == "steps":
                continue
            i, name = key.split(".", 1)
            whole["state"].setdefault(int(i), {})[name] = value.clone()
        self.optimizer.load_state_dict(whole)


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
        learner: Learner,
        *,
        max_kl: float = 0.01,
        cg_iterations: int = 10,
        damping: float = 1e-5,
        line_search_steps: int = 15,
        backtrack: float = 0.8,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        self.ranks = ranks
        self.max_kl = max_kl
        self.cg_iterations = cg_iterations
        self.damping = damping
        self.line_search_steps = line_search_steps
        self.backtrack = backtrack
        self._policy = post_adaptation_objective(learner, lambda out, data: out)

    def step(self, theta: Params, episodes: Episode) -> tuple[Params, Metrics]:
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
            return dict(theta), {"skipped": 1.0}
        curvature_times = gauss_newton_product(moved_by, out, leaf)

        def hessian_times(v: Tensor) -> Tensor:
            return mean_over_ranks(curvature_times(v))[0] + self.damping * v

        direction = conjugate_gradient(hessian_times, gradient, self.cg_iterations)
        curvature = (direction @ hessian_times(direction)).clamp_min(1e-16)
        full = (2 * self.max_kl / curvature).sqrt() * direction
        new, moved, kl_after = self._line_search(flat, full, surrogate.item(), measure)
        metrics = {"loss": surrogate.item(), "grad_norm": gradient.norm().item(), "kl": kl_after, "accepted": moved}
        return _unflatten(new, shapes), metrics

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

    def state(self) -> Params:
        return {}

    def load(self, state: Params) -> None:
        """Nothing is carried from step to step."""


def _chunks(episodes: Any, size: int) -> list[tuple[Any, float]]:
    """Up to `size` tasks each, 0 for all of them, and their share of all."""
    count = len(episodes.query[0])
    if not size:
        return [(episodes, 1.0)]
    parts = [map_tensors(episodes, itemgetter(slice(a, a + size))) for a in range(0, count, size)]
    return [(p, len(p.query[0]) / count) for p in parts]


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
    for _ in range(iterations):  # all of them: several processes take part in `times`, and a card is not waited for
        ap = times(p)
        alpha = torch.where(rr < tol, 0.0, rr / (p @ ap))
        x, r = x + alpha * p, r - alpha * ap
        rr, old = r @ r, rr
        p = r + torch.where(old < tol, 0.0, rr / old) * p
    return x


def _unflatten(flat: Tensor, shapes: dict[str, torch.Size]) -> Params:
    parts = torch.split(flat, [s.numel() for s in shapes.values()])
    return {k: part.view(s) for (k, s), part in zip(shapes.items(), parts, strict=True)}
