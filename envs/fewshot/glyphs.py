"""Glyphs: synthetic alphabets, for a first run and for tests without a download.

A character is two to four strokes, each a quadratic curve between points of a small grid; the characters of an alphabet
prefer the same points. A drawing perturbs the points, and rotates, scales and shifts the whole. All of it is determined
by a seed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from envs.fewshot.images import ImageSet, nearest_pixels

SIZE = 28  # pixels
DRAWINGS = 20
PER_ALPHABET = 20
WIDTH = 1.1  # pixels, half width of a stroke
Points = NDArray[np.float64]


@lru_cache(maxsize=4)  # drawing takes a second, and an evaluation loads it several times
def load(num_alphabets: int = 20, seed: int = 0, size: int = SIZE) -> ImageSet:
    """`num_alphabets` alphabets of 20 characters; 60 % for training, 10 % for validation, 30 % for testing.

    Drawn with 28 x 28 pixels, and resized to `size` by the nearest pixel.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    classes = [_drawings(strokes, rng) for _ in range(num_alphabets) for strokes in _alphabet(rng)]
    part = np.arange(num_alphabets) / num_alphabets
    split = np.select([part < 0.6, part < 0.7], [0, 1], 2).repeat(PER_ALPHABET)
    nearest = nearest_pixels(size, SIZE)
    return ImageSet(
        torch.from_numpy(np.stack(classes)[..., nearest[:, None], nearest]),
        torch.from_numpy(split),
        torch.arange(num_alphabets).repeat_interleave(PER_ALPHABET),
    )


def _alphabet(rng: np.random.Generator) -> list[Points]:
    """Characters of one alphabet, each [strokes, 3 points, (x, y)] in the unit square."""
    grid = np.stack(np.meshgrid(np.linspace(0.15, 0.85, 4), np.linspace(0.15, 0.85, 4)), -1).reshape(-1, 2)
    weights = rng.dirichlet(np.full(len(grid), 0.7))
    return [
        grid[rng.choice(len(grid), size=(rng.integers(2, 5), 3), p=0.7 * weights + 0.3 / len(grid))]
        for _ in range(PER_ALPHABET)
    ]


def _drawings(strokes: Points, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Perturbed drawings of a character, [DRAWINGS, SIZE, SIZE]."""
    t = np.linspace(0, 1, 24)[:, None]
    pictures = []
    for _ in range(DRAWINGS):
        a, b, c = (strokes + rng.normal(0, 0.025, strokes.shape)).transpose(1, 0, 2)[:, :, None]  # [strokes, 1, 2]
        path = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c  # [strokes, 24, 2]
        angle, scale = rng.normal(0, 0.1), rng.normal(1, 0.06)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        where = ((path.reshape(-1, 2) - 0.5) @ turn.T + 0.5 + rng.normal(0, 0.02, 2)) * SIZE
        pictures.append(_ink(where))
    return np.stack(pictures)


def _ink(points: Points) -> NDArray[np.uint8]:
    """Pixels whose centre lies within `WIDTH` of a point, [SIZE, SIZE]."""
    middle = np.arange(SIZE) + 0.5
    near = (points[:, 0, None, None] - middle[None, None]) ** 2 + (
        points[:, 1, None, None] - middle[None, :, None]
    ) ** 2
    ink: NDArray[np.uint8] = (near.min(0) < WIDTH**2).astype(np.uint8)
    return ink
