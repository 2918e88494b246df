"""Images of a folder of the user's own, and which of its classes are for training, validation and testing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from envs.fewshot import image_pack
from envs.fewshot.images import PhotoSet

PLACE = "METARL_IMAGES"  # environment variable: where the images lie now, in place of what a config says


def folder_of(path: str | None) -> Path:
    """The folder of the images. Raises ValueError where none was given."""
    given = os.environ.get(PLACE) or path
    if not given:
        raise ValueError("data folder needs a folder of images: give --data DIR, or tasks.path")
    return Path(given)


def load(folder: Path, size: int, channels: int, shares: tuple[float, float, float], seed: int) -> PhotoSet:
    """The images, packed where they are not yet. Raises ValueError, in one sentence, for what cannot be read.

    shares, seed: which classes are for training, validation and testing, where the folder does not say.
    """
    packed = image_pack.load(image_pack.packed(folder, size, channels))
    split = packed.split or split_by_seed(len(packed.names), shares, seed)
    return PhotoSet(packed.pixels, torch.tensor(packed.counts), torch.tensor(split), packed.names)


def digest(folder: Path, size: int, channels: int) -> str:
    """What the images of a folder are recognised by. Raises ValueError as `load` does."""
    return image_pack.load(image_pack.packed(folder, size, channels)).digest


def split_by_seed(count: int, shares: tuple[float, float, float], seed: int) -> tuple[int, ...]:
    """The split of each of `count` classes, in a random order that the seed decides."""
    ends = (np.cumsum(shares) * count).round().astype(int)  # [3]
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count)
    return tuple(int(np.searchsorted(ends[:2], rank, side="right")) for rank in np.argsort(order))
