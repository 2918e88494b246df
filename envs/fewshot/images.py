"""A set of few-shot images: classes of drawings or photos, and the split of each class.

Axes: `C` classes, `J` drawings of a class, `M` photos of all classes, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.contract import describe

SPLITS = ("train", "validation", "test")


def nearest_pixels(size: int, of: int) -> NDArray[np.int64]:
    """Which of so many pixels in a row are nearest to those of a row of `size`: floor((i + 0.5) of / size)."""
    return (2 * np.arange(size) + 1) * of // (2 * size)


class ImageSet(NamedTuple):
    """Drawings of characters in one tensor; ink is 1."""

    pixels: Tensor  # [C, J, H, H] uint8, 0 or 1 (0 to 255 where `levels` is 255)
    split: Tensor  # [C] index into SPLITS
    alphabet: Tensor  # [C]
    levels: int = 1  # the value of full ink

    @property
    def flat(self) -> Tensor:
        """Class by class, [C * J, 1, H * H]."""
        return self.pixels.flatten(0, 1).flatten(1)[:, None]

    @property
    def counts(self) -> Tensor:
        """Drawings of each class, [C]."""
        return torch.full((len(self.pixels),), self.pixels.shape[1])

    def classes(self, split: str) -> Tensor:
        """The classes of a split, in their order."""
        return _classes(self.split, split)

    def name(self, index: int) -> str:
        """A class in an error: all have as many drawings."""
        return "a class"

    def check(self) -> None:
        """Raise ValueError, in one sentence, for images that are not square, not grey or not whole numbers."""
        pixels, split = self.pixels, self.split
        if not isinstance(pixels, Tensor) or pixels.dtype != torch.uint8:
            raise ValueError(f"pixels are {describe(pixels)}, expected a uint8 tensor from 0 to levels")
        shape = list(pixels.shape)
        if pixels.dim() == 5:
            raise ValueError(
                f"pixels have shape {shape}, expected [C, J, H, H] of one grey channel: average the colours"
            )
        if pixels.dim() != 4 or not pixels.numel():
            raise ValueError(f"pixels have shape {shape}, expected [C, J, H, H]: classes, drawings, height, width")
        if shape[2] != shape[3]:
            raise ValueError(
                f"images have {shape[2]} x {shape[3]} pixels, expected square ones: pad, crop or resize them"
            )
        for name, numbers in (("split", split), ("alphabet", self.alphabet)):
            if not isinstance(numbers, Tensor) or numbers.dtype != torch.int64 or list(numbers.shape) != shape[:1]:
                raise ValueError(f"{name} is {describe(numbers)}, expected an int64 tensor of shape [{shape[0]}]")
        if int(split.min()) < 0 or int(split.max()) >= len(SPLITS):
            raise ValueError(
                f"split has numbers from {int(split.min())} to {int(split.max())}, expected 0 to 2: {SPLITS}"
            )
        if not 1 <= self.levels <= 255:
            raise ValueError(f"levels is {self.levels}, expected the value of full ink, 1 to 255")
        if int(pixels.max()) > self.levels:
            most = int(pixels.max())
            raise ValueError(f"pixels go up to {most}, but full ink is levels = {self.levels}: give levels=255")


class PhotoSet(NamedTuple):
    """Grey or colour images in one tensor, of as many of each class as there are; 255 is white."""

    pixels: Tensor  # [M, c, H, H] uint8, class by class
    counts: Tensor  # [C] int64, photos of each class
    split: Tensor  # [C] int64, index into SPLITS
    names: tuple[str, ...]  # [C]
    levels: int = 255

    @property
    def flat(self) -> Tensor:
        """Class by class, [M, c, H * H]."""
        return self.pixels.flatten(2)

    def classes(self, split: str) -> Tensor:
        """The classes of a split, in their order."""
        return _classes(self.split, split)

    def name(self, index: int) -> str:
        """A class in an error."""
        return repr(self.names[index])

    def check(self) -> None:
        """Raise ValueError, in one sentence, for images and classes that do not fit each other."""
        pixels, shape = self.pixels, list(self.pixels.shape)
        if pixels.dtype != torch.uint8 or pixels.dim() != 4 or shape[2] != shape[3]:
            raise ValueError(f"pixels are {describe(pixels)}, expected uint8 of shape [M, c, H, H]")
        if not len(self.counts) == len(self.split) == len(self.names) or int(self.counts.sum()) != shape[0]:
            raise ValueError(
                f"there are {shape[0]} photos, and counts of {int(self.counts.sum())} in {len(self.counts)} classes, "
                f"{len(self.split)} splits and {len(self.names)} names: give as many"
            )


def _classes(splits: Tensor, split: str) -> Tensor:
    return (splits == SPLITS.index(split)).nonzero().flatten()
