"""Copy and repeat-copy tasks (Graves et al. 2014, sections 4.1 and 4.2).

A task is a sequence of random binary vectors. The support is the sequence and an end marker, which holds the number of
copies where that varies. The query inputs are zeros, and the targets are the copies, followed by an end marker where
their number varies.

Axes: `N` tasks, `L` vectors of `B` bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from envs.core import Examples, Space, Tasks, Variable
from envs.variables import hashed_uniforms

SPLITS = ("train", "test")
SEEDS = 2**30


class Copying:
    """Sequences with lengths in [low, high] of `bits` bits, to be copied `repeats` (low, high) times.

    All tasks of one call of `sample` have the same length and number of copies, so that they need no padding.

    Raises ValueError for empty ranges and for less than one bit.
    """

    horizon = 1
    names: tuple[str, ...] = ("length", "repeats", "bits")
    variables: tuple[Variable, ...] = ()
    descriptor_names: tuple[str, ...] = ()

    def __init__(self, lengths: tuple[int, int] = (1, 20), repeats: tuple[int, int] = (1, 1), bits: int = 8) -> None:
        if not 1 <= lengths[0] <= lengths[1] or not 1 <= repeats[0] <= repeats[1] or bits < 1:
            raise ValueError(
                f"got lengths {lengths}, repeats {repeats}, bits {bits}; expected 1 <= low <= high and bits >= 1"
            )
        self.lengths, self.repeats, self.bits = lengths, repeats, bits
        self.counts = repeats[1] > 1
        self.space = Space(bits + 1 + self.counts, bits + self.counts)

    def splits(self) -> tuple[str, ...]:
        return SPLITS

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """One length and number of copies for all tasks, and a seed of the bits for each; splits share no seed."""
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        length, repeats = (
            int(torch.randint(low, high + 1, (), generator=generator)) for low, high in (self.lengths, self.repeats)
        )
        seeds = 2 * torch.randint(SEEDS, (num_tasks,), generator=generator) + SPLITS.index(split)
        same = torch.tensor([[length, repeats]]).expand(num_tasks, -1)
        return Tasks(self.names, torch.cat([same, seeds[:, None]], 1).double())

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support x [N, L + 1, I], y the bits [N, L, B]; query x zeros, y the targets [N, steps, O].

        Raises ValueError for tasks of different lengths or numbers of copies.
        """
        numbers = tasks.values.long()
        if (numbers[:, :2] != numbers[:1, :2]).any():
            raise ValueError("got sequences of different lengths or repeats in one batch: sample them separately")
        length, repeats = numbers[0, :2].tolist()
        uniforms = hashed_uniforms(numbers[:, 2], length * self.bits)
        bits = (uniforms >= 0.5).float().view(len(tasks), length, self.bits)
        inputs = torch.zeros(len(tasks), length + 1, self.space.obs)
        inputs[:, :length, : self.bits] = bits
        inputs[:, length, self.bits] = 1.0
        if self.counts:
            inputs[:, length, self.bits + 1] = self._scaled(repeats)
        targets = bits.repeat(1, repeats, 1)
        if self.counts:
            targets = torch.cat([targets, torch.zeros_like(targets[:, :1])], 1)
            ends = torch.zeros_like(targets[..., :1])
            ends[:, -1] = 1.0
            targets = torch.cat([targets, ends], -1)
        zeros = torch.zeros(len(tasks), targets.shape[1], self.space.obs)
        return Examples(inputs, bits), Examples(zeros, targets)

    def _scaled(self, repeats: int) -> float:
        """The number of copies, normalised to mean 0 and variance 1 over its range, as in the paper."""
        low, high = self.repeats
        return (repeats - (low + high) / 2) / math.sqrt(((high - low + 1) ** 2 - 1) / 12)


def count_wrong_bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Number of wrong bits of each sequence: logits and targets [..., steps, O] -> [...]."""
    return ((logits > 0) != (targets > 0.5)).float().sum((-2, -1))
