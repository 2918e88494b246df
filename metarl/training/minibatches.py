"""Epochs and minibatches of the same experience, the same for any number of processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from agents.learner import map_tensors
from metarl.distributed.process_group import Ranks


@dataclass(frozen=True)
class Minibatches:
    """`parts` of the experience in each of `epochs`, drawn anew; how much each counts beside other processes'.

    Parts are drawn of the experience of all processes; one that has nothing of a part gets some of its own, which
    counts 0. one_task: whether all experience is one task, as that of a recurrent learner.
    """

    epochs: int
    parts: int
    one_task: bool
    ranks: Ranks
    tasks: int

    @property
    def count(self) -> int:
        return self.epochs * self.parts

    def __call__(self, data: Any, seed: int) -> Iterator[tuple[Any, float]]:
        """(part, weight), epoch by epoch."""
        if self.parts == 1:
            yield from itertools.repeat((data, self.weight(data)), self.epochs)
            return
        generator = torch.Generator().manual_seed(seed)
        axis = 2 if self._is_one(data) else 0  # [N, T, E]
        own = data.query.alive.shape[axis]
        start, whole = self.ranks.place(own, self.tasks) if self.ranks.count > 1 else (0, own)
        for _ in range(self.epochs):
            order = torch.randperm(whole, generator=generator)
            for chosen in order.tensor_split(self.parts):
                mine = chosen[(chosen >= start) & (chosen < start + own)] - start
                index = (mine if len(mine) else torch.zeros(1, dtype=torch.long)).to(data.query.alive.device)
                part = map_tensors(data, partial(torch.index_select, dim=axis, index=index))
                yield part, self.weight(part) if len(mine) else 0.0

    def _is_one(self, data: Any) -> bool:
        """Whether minibatches are made of episodes."""
        return self.one_task or (len(data.query[0]) == 1 and self.ranks.count == 1)

    def weight(self, part: Any) -> float:
        """How much a mean over a part counts beside those of other processes: by tasks, or by steps of one."""
        if self.ranks.count == 1:
            return 1.0
        return float(part.query.alive.sum()) if self._is_one(part) else float(len(part.query[0]))
