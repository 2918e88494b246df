"""Epochs and minibatches of the same experience, the same for any number of processes."""

from __future__ import annotations

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
    counts 0. axis: of the experience [N, T, E], along which parts are drawn: 0 of tasks, 1 of steps and 2 of episodes,
    where all experience is one task.
    """

    epochs: int
    parts: int
    axis: int
    ranks: Ranks
    tasks: int

    @property
    def count(self) -> int:
        return self.epochs * self.parts

    def __call__(self, data: Any, seed: int) -> Iterator[Iterator[tuple[Any, float]]]:
        """(part, weight) of every epoch."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            yield self._epoch(data, generator) if self.parts > 1 else iter([(data, self.weight(data))])

    def _epoch(self, data: Any, generator: torch.Generator) -> Iterator[tuple[Any, float]]:
        axis = self._axis(data)
        own = data.query.alive.shape[axis]
        start, whole = self.ranks.place(own, self.tasks) if self.ranks.count > 1 else (0, own)
        for chosen in torch.randperm(whole, generator=generator).tensor_split(self.parts):
            mine = chosen[(chosen >= start) & (chosen < start + own)] - start
            index = (mine if len(mine) else torch.zeros(1, dtype=torch.long)).to(data.query.alive.device)
            part = map_tensors(data, partial(torch.index_select, dim=axis, index=index))
            yield part, self.weight(part) if len(mine) else 0.0

    def _axis(self, data: Any) -> int:
        """Of a single task minibatches are made of its episodes."""
        return self.axis or (2 if len(data.query[0]) == 1 and self.ranks.count == 1 else 0)

    def weight(self, part: Any) -> float:
        """How much a mean over a part counts beside those of other processes: by tasks, or by steps of one."""
        if self.ranks.count == 1:
            return 1.0
        return float(part.query.alive.sum()) if self._axis(part) else float(len(part.query[0]))
