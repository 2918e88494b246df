"""Stratified draws: `n` tasks show as many of the choices of every variable, and of their combinations, as they can.

Axes: `n` tasks, `k` intervals (choices) of a variable.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Strata:
    """Assigns the intervals of one variable after the other to `n` tasks, each as often as its weight says.

    The assignments are spread over those of the variables before: of equally likely choices, `n` tasks show min(n, k)
    of every variable, and all combinations if there are at most `n`. Every task has each choice with the probability of
    its weight.
    """

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n, self.generator = n, generator
        self._cells = torch.zeros(n, dtype=torch.long)  # the combination of intervals so far, [n]

    def assign(self, weights: Tensor) -> Tensor:
        """The interval of every task for a variable with weights [k], [n]."""
        sequence = _spread(_systematic(weights, self.n, self.generator))
        ranks = torch.randperm(int(self._cells.max()) + 1, generator=self.generator)  # combinations in random order
        shuffled = torch.randperm(self.n, generator=self.generator)
        order = shuffled[ranks[self._cells[shuffled]].argsort(stable=True)]  # tasks, combination by combination
        assigned = torch.empty(self.n, dtype=torch.long)
        assigned[order] = sequence
        combined = (self._cells * len(weights) + assigned).numpy()
        self._cells = torch.from_numpy(np.unique(combined, return_inverse=True)[1])
        return assigned


def _systematic(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """`n` intervals, each floor(n w) or ceil(n w) times with mean n w; equal ones are adjacent, their order is random.

    Systematic sampling: a comb of n teeth with a random start, over the intervals end to end.
    """
    order = torch.randperm(len(weights), generator=generator)
    ends = (weights[order].double() / weights.sum()).cumsum(0)
    start = torch.rand((), generator=generator, dtype=torch.float64)
    comb = (torch.arange(n, dtype=torch.float64) + start) / n
    return order[torch.searchsorted(ends, comb, right=True).clamp_max(len(weights) - 1)]


def _spread(intervals: Tensor) -> Tensor:
    """The same intervals [n], with equal ones as far apart as possible."""
    run = torch.cat([torch.zeros(1, dtype=torch.bool), intervals.diff() != 0]).cumsum(0)  # equal ones share a number
    counts = run.bincount()
    copy = torch.arange(len(intervals)) - (counts.cumsum(0) - counts)[run]  # 0, 1, ... among equal ones
    keys = (copy.double() + 0.5) / counts[run]
    spread: Tensor = intervals[keys.argsort(stable=True)]
    return spread
