"""Sequences to be copied, once or several times, from memory (Graves et al. 2014, sections 4.1 and 4.2).

A task is a sequence of random binary vectors. Its support is the sequence and then a mark that it has ended (with the
number of copies wanted, where that varies); its query is silence, in which the sequence is to be told, and where the
number of copies varies, then a mark of one's own that this was all.

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
    """Sequences of lengths [low, high] of `bits` bits, to be told `repeats` (low, high) times.

    All tasks of one draw have the same length and number of copies, so that they are one batch without filling.
    """

    horizon = 1
    names: tuple[str, ...] = ("length", "repeats", "bits")
    variables: tuple[Variable, ...] = ()
    descriptor_names: tuple[str, ...] = ()

    def __init__(self, lengths: tuple[int, int] = (1, 20), repeats: tuple[int, int] = (1, 1), bits: int = 8) -> None:
        if not 1 <= lengths[0] <= lengths[1] or not 1 <= repeats[0] <= repeats[1] or bits < 1:
            raise ValueError(f"lengths {lengths} and repeats {repeats} want 1 <= low <= high, and bits {bits} >= 1")
        self.lengths, self.repeats, self.bits = lengths, repeats, bits
        self.counts = repeats[1] > 1
        self.space = Space(bits + 1 + self.counts, bits + self.counts)

    def splits(self) -> tuple[str, ...]:
        return SPLITS

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """One length and number of copies for all, and bits of their own, whose seeds the splits do not share."""
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        length, repeats = (
            int(torch.randint(low, high + 1, (), generator=generator)) for low, high in (self.lengths, self.repeats)
        )
        seeds = 2 * torch.randint(SEEDS, (num_tasks,), generator=generator) + SPLITS.index(split)
        same = torch.tensor([[length, repeats]]).expand(num_tasks, -1)
        return Tasks(self.names, torch.cat([same, seeds[:, None]], 1).double())

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support x [N, L + 1, I], y the bits [N, L, B]; query x zeros, y what is to be told [N, steps, O].

        Raises ValueError for tasks of different lengths or numbers of copies.
        """
        numbers = tasks.values.long()
        if (numbers[:, :2] != numbers[:1, :2]).any():
            raise ValueError("sequences of different lengths cannot be one batch: sample them one length at a time")
        length, repeats = numbers[0, :2].tolist()
        uniforms = hashed_uniforms(numbers[:, 2], length * self.bits)
        bits = (uniforms >= 0.5).float().view(len(tasks), length, self.bits)
        shown = torch.zeros(len(tasks), length + 1, self.space.obs)
        shown[:, :length, : self.bits] = bits
        shown[:, length, self.bits] = 1.0
        if self.counts:
            shown[:, length, self.bits + 1] = self._scaled(repeats)
        wanted = bits.repeat(1, repeats, 1)
        if self.counts:
            wanted = torch.cat([wanted, torch.zeros_like(wanted[:, :1])], 1)
            ends = torch.zeros_like(wanted[..., :1])
            ends[:, -1] = 1.0
            wanted = torch.cat([wanted, ends], -1)
        silence = torch.zeros(len(tasks), wanted.shape[1], self.space.obs)
        return Examples(shown, bits), Examples(silence, wanted)

    def _scaled(self, repeats: int) -> float:
        """The number of copies with mean 0 and variance 1 over its range, as in the paper."""
        low, high = self.repeats
        return (repeats - (low + high) / 2) / math.sqrt(((high - low + 1) ** 2 - 1) / 12)


def told_wrong(logits: Tensor, wanted: Tensor) -> Tensor:
    """How many bits of each sequence are wrong: logits and wanted [..., steps, O] -> [...]."""
    return ((logits > 0) != (wanted > 0.5)).float().sum((-2, -1))
