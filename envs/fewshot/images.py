"""A set of few-shot images: classes of drawings, and the split of each class.

Axes: `C` classes, `J` drawings of a class, `H` x `H` pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

SPLITS = ("train", "validation", "test")


class ImageSet(NamedTuple):
    """Drawings of characters in one tensor; ink is 1."""

    pixels: Tensor  # [C, J, H, H] uint8, 0 or 1 (0 to 255 where `levels` is 255)
    split: Tensor  # [C] index into SPLITS
    alphabet: Tensor  # [C]
    levels: int = 1  # the value of full ink

    def classes(self, split: str) -> Tensor:
        """The classes of a split, [c]."""
        return (self.split == SPLITS.index(split)).nonzero().flatten()
