"""Outer steps: how theta moves, given the experience of a meta-batch of tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

import torch
from torch import Tensor

from agents.learner import Learner, OnPolicyLearner, Params, map_tensors, mean_over_tasks, post_adaptation_objective
from agents.objectives import kl_to_sampling
from metarl.config.loggers import Metrics
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.training.minibatches import Minibatches
from metarl.training.optimizer_state import load_optimizer, optimizer_state

log = logging.getLogger(__name__)
RATE_FACTOR, RATES = 1.5, (1e-5, 1e-2)  # rsl_rl's
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class Gradient:
    """`num_epochs` optimiser steps on the learner's loss over the same experience.

    With several epochs and a learner whose outer objective is PPO's clipped one, this is ProMP's outer step
    (Rothfuss et al. 2019, algorithm 1). With `sgd` and one epoch it is Reptile's, of step size `outer_lr`.

    A loss or a gradient that is infinite or NaN leaves everything as it was before; metrics say `skipped`.

    max_grad_norm: the gradient's norm over all parameters is scaled down to this; 0 leaves it alone.
    lr_halve_every: the rate is halved after so many steps (Snell et al. 2017: 2000); 0 leaves it alone.
    lr_anneal_over: the rate falls in a line, to be 0 after so many steps (Nichol et al. 2018: all); 0 leaves it alone.
    target_kl: no further epoch is begun once the mean KL from the adapted policies that sampled to the new ones is
        beyond this; 0 takes all. As a policy grows sure of itself the same steps move it ever further, and clipping
        alone does not hold it: without a bound a long training may collapse. It is measured on an epoch's last
        minibatch.
    desired_kl: the rate is divided by 1.5 where the KL of an iteration comes to more than twice this, and multiplied by
        1.5 where it comes to less than half (Rudin et al. 2022, arXiv 2109.11978, with their limits); 0 leaves it
        alone.
    minibatches: parts of the experience, each of which takes a step in every epoch, drawn anew: of its tasks, or of its
        episodes or single steps where all is one task.
    ranks, tasks: the other processes that differentiate a shard of so many tasks; the step is that of all of them.
    chunk: how many tasks are differentiated at once; 0 takes all. On a CPU fewer stay in the caches; where a GPU's
        memory is short, it is halved until they fit. The gradient is the same but for the order of its sums.
    """

    def __init__(
        self,
        learner: Learner[Any],
        theta: Params,
        *,
        outer_lr: float,
        num_epochs: int = 1,
        optimizer: str = "adam",
        max_grad_norm: float = 0.0,
        target_kl: float = 0.0,
        desired_kl: float = 0.0,
        minibatches: int = 1,
        lr_halve_every: int = 0,
        lr_anneal_over: int = 0,
        chunk: int = 0,
        ranks: Ranks = SINGLE_PROCESS,
        tasks: int = 1,
    ) -> None:
        self.learner, self.chunk = learner, chunk
        self.ranks = ranks
        self.outer_lr, self.steps = outer_lr, 0
        self.lr_halve_every, self.lr_anneal_over = lr_halve_every, lr_anneal_over
        self.target_kl, self.desired_kl, self.factor = target_kl, desired_kl, 1.0  # of the rate
        self.minibatches = Minibatches(num_epochs, minibatches, minibatch_axis(learner), ranks, tasks)
        self.max_grad_norm = max_grad_norm
        self.leaves = {k: v.detach().clone().requires_grad_() for k, v in theta.items()}
        self.optimizer = OPTIMIZERS[optimizer](list(self.leaves.values()), lr=outer_lr, fused=True)

    @property
    def theta(self) -> Params:
        return {k: v.detach() for k, v in self.leaves.items()}

    @torch.no_grad()
    def assign(self, changes: Params) -> None:
        for k, v in changes.items():
            self.leaves[k].copy_(v)

    def step(self, data: Any) -> Metrics:
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        # of one part nothing has moved when it turns out not to be finite
        before = self._copy() if self.minibatches.count > 1 else None
        rate = self.optimizer.param_groups[0]["lr"] = self._rate()
        self.steps += 1
        kl, epochs = 0.0, 0
        for epoch in self.minibatches(data, self.steps):
            for part, weight in epoch:
                self.optimizer.zero_grad()
                loss = self._average(self._differentiate(part), weight)
                norm = torch.nn.utils.clip_grad_norm_(self.leaves.values(), self.max_grad_norm or float("inf"))
                if not (norm * (1 + rate) + loss).isfinite():  # nor the step's length
                    self._go_back(before)
                    return {"skipped": 1.0}
                self.optimizer.step()
                losses.append(loss)
                norms.append(norm)
            epochs += 1
            if self.target_kl and (kl := self._kl(part, weight)) > self.target_kl:
                break
        if self.desired_kl:
            kl = kl if self.target_kl else self._kl(part, weight)
            self._adapt_rate(kl)
        last = torch.stack(losses[-self.minibatches.parts :])
        metrics = {"loss": last.double().mean().item(), "grad_norm": torch.stack(norms).double().mean().item()}
        if self.target_kl or self.desired_kl:
            metrics |= {"kl": kl, "epochs": float(epochs), "outer_lr": rate}
        return metrics

    @torch.no_grad()
    def _kl(self, part: Any, weight: float) -> float:
        """Mean KL from the policies that sampled to the present ones, over a part of all processes."""
        measure = post_adaptation_objective(self.learner, kl_to_sampling)
        theta = self.theta
        chunks = _chunks(part, self.chunk)
        mine = torch.stack([share * mean_over_tasks(measure, theta, chunk) for chunk, share in chunks]).sum()
        return self.ranks.mean([mine], weight)[0].item()

    def _adapt_rate(self, kl: float) -> None:
        """For the next iteration."""
        factor = 1 / RATE_FACTOR if kl > 2 * self.desired_kl else RATE_FACTOR if kl < self.desired_kl / 2 else 1.0
        low, high = (limit / self.outer_lr for limit in RATES)
        self.factor = float(torch.tensor(min(max(self.factor * factor, low), high)))  # as it is stored

    def _copy(self) -> tuple[Params, Params]:
        """theta and the optimiser's state, to go back to."""
        return {k: v.detach().clone() for k, v in self.leaves.items()}, self.state()

    def _go_back(self, before: tuple[Params, Params] | None) -> None:
        if before is None:
            self.steps -= 1
            return
        self.assign(before[0])
        self.load(before[1])

    def _rate(self) -> float:
        """Of the step that comes."""
        rate = self.outer_lr * self.factor
        if self.lr_halve_every:
            rate *= 0.5 ** (self.steps // self.lr_halve_every)
        if self.lr_anneal_over:
            rate *= max(1 - self.steps / self.lr_anneal_over, 0.0)
        return rate

    def _average(self, loss: Tensor, weight: float) -> Tensor:
        """The loss over the tasks of all processes, whose gradient the leaves get in place of that of one's own."""
        if self.ranks.count == 1:
            return loss
        learned = [leaf for leaf in self.leaves.values() if leaf.grad is not None]
        mine = [loss.to(learned[0]), *(cast(Tensor, leaf.grad) for leaf in learned)]
        loss, *gradients = self.ranks.mean(mine, weight)
        for leaf, gradient in zip(learned, gradients, strict=True):
            leaf.grad = gradient
        return loss

    def _differentiate(self, data: Any) -> Tensor:
        """Add the gradient of the mean loss over tasks to the leaves; that loss."""
        while True:
            try:
                return self._sum_gradients(data)
            except torch.OutOfMemoryError:
                count = len(data.query[0])
                if self.chunk == 1 or count == 1:
                    raise
                self.chunk = max(min(self.chunk or count, count) // 2, 1)
            log.warning("the GPU's memory is short: %d tasks are differentiated together from now on", self.chunk)
            self.optimizer.zero_grad()
            torch.cuda.empty_cache()

    def _sum_gradients(self, data: Any) -> Tensor:
        total = torch.zeros(())
        for part, share in _chunks(data, self.chunk):
            loss = share * mean_over_tasks(self.learner.loss, self.leaves, part)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            total = total + loss.detach()
        return total

    def state(self) -> Params:
        tensors = optimizer_state(self.optimizer)
        return tensors | {"steps": torch.tensor(self.steps), "factor": torch.tensor(self.factor)}

    def load(self, state: Params) -> None:
        self.steps = int(state.get("steps", torch.tensor(0)))
        self.factor = float(state.get("factor", torch.tensor(1.0)))
        load_optimizer(self.optimizer, {k: v for k, v in state.items() if k not in ("steps", "factor")})


def minibatch_axis(learner: Learner[Any]) -> int:
    """Of its experience [N, T, E]: along which minibatches are drawn."""
    return 2 if learner.is_recurrent else 1 if isinstance(learner, OnPolicyLearner) else 0


def _chunks(data: Any, size: int) -> list[tuple[Any, float]]:
    """Up to `size` tasks each, 0 for all of them, and their share of all."""
    count = len(data.query[0])
    if not size:
        return [(data, 1.0)]
    parts = [map_tensors(data, itemgetter(slice(a, a + size))) for a in range(0, count, size)]
    return [(p, len(p.query[0]) / count) for p in parts]
