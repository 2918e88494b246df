"""Coloured shapes with textures: a set of RGB pictures for a first run and for tests, without a download.

A class is an outline, a texture and a colour, such as a red striped star: 288 in all. A picture has its own place,
size, angle and shade, on a ground of its own, under noise. All of it is determined by a seed.

Axes: `H` x `H` pixels.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZE = 84  # pixels, as of miniImageNet
FINER = 2  # pixels a side that become one
Field = NDArray[np.float64]

COLOURS = {name: i / 6 for i, name in enumerate(("red", "yellow", "green", "cyan", "blue", "magenta"))}  # hues


class Kind(NamedTuple):
    """A class."""

    colour: str
    texture: str
    outline: str

    @property
    def name(self) -> str:
        return "_".join(self)


def _polygon(corners: int) -> Callable[[Field, Field], NDArray[np.bool_]]:
    """A regular polygon with corners at distance 1."""
    half = np.pi / corners

    def is_inside(x: Field, y: Field) -> NDArray[np.bool_]:
        angle = np.arctan2(y, x) % (2 * half) - half
        inside: NDArray[np.bool_] = np.hypot(x, y) * np.cos(angle) < np.cos(half)
        return inside

    return is_inside


OUTLINES: dict[str, Callable[[Field, Field], NDArray[np.bool_]]] = {
    "disc": lambda x, y: np.hypot(x, y) < 1,
    "ellipse": lambda x, y: np.hypot(x, 2 * y) < 1,
    "ring": lambda x, y: (np.hypot(x, y) < 1) & (np.hypot(x, y) > 0.5),
    "triangle": _polygon(3),
    "square": _polygon(4),
    "hexagon": _polygon(6),
    "cross": lambda x, y: (np.maximum(abs(x), abs(y)) < 1) & (np.minimum(abs(x), abs(y)) < 0.3),
    "star": lambda x, y: np.hypot(x, y) < 0.65 + 0.35 * np.cos(5 * np.arctan2(y, x)),
}
TEXTURES: dict[str, Callable[[Field, Field], Field]] = {  # 1 in the class's colour, 0 in a darker one
    "plain": lambda x, y: np.ones_like(x),
    "striped": lambda x, y: (np.sin(12 * x) > 0).astype(float),
    "checked": lambda x, y: (np.sin(9 * x) * np.sin(9 * y) > 0).astype(float),
    "dotted": lambda x, y: (np.cos(12 * x) + np.cos(12 * y) < 0.8).astype(float),
    "ringed": lambda x, y: (np.sin(12 * np.hypot(x, y)) > 0).astype(float),
    "shaded": lambda x, y: (x + 1).clip(0, 2) / 2,
}


def kinds() -> list[Kind]:
    """All classes, in a random order that is always the same, so that the first few are of all sorts."""
    every = [Kind(*parts) for parts in product(COLOURS, TEXTURES, OUTLINES)]
    return [every[i] for i in np.random.Generator(np.random.PCG64(0)).permutation(len(every))]


def picture(kind: Kind, seed: int) -> NDArray[np.uint8]:
    """A picture of a class, [H, H, 3]; of two seeds they differ."""
    rng = np.random.Generator(np.random.PCG64([seed, *kind.name.encode()]))
    at = (np.arange(SIZE * FINER) + 0.5) / (SIZE * FINER) * 2 - 1
    across, down = np.meshgrid(at, at)
    (left, top), scale, angle = rng.uniform(-0.3, 0.3, 2), rng.uniform(0.45, 0.7), rng.uniform(0, 2 * np.pi)
    x = ((across - left) * np.cos(angle) + (down - top) * np.sin(angle)) / scale
    y = ((down - top) * np.cos(angle) - (across - left) * np.sin(angle)) / scale
    hue, shade = COLOURS[kind.colour] + rng.uniform(-0.03, 0.03), rng.uniform(0.75, 1)
    bright, dark = (np.array(colorsys.hsv_to_rgb(hue % 1, 0.9, v * shade)) for v in (1, 0.4))
    pattern = TEXTURES[kind.texture](x, y)[..., None]
    ground = np.array(colorsys.hsv_to_rgb(rng.uniform(), 0.15, rng.uniform(0.3, 0.9))) + 0.1 * across[..., None]
    shown = np.where(OUTLINES[kind.outline](x, y)[..., None], pattern * bright + (1 - pattern) * dark, ground)
    small = shown.reshape(SIZE, FINER, SIZE, FINER, 3).mean((1, 3)) + rng.normal(0, 0.04, (SIZE, SIZE, 3))
    pixels: NDArray[np.uint8] = (255 * small.clip(0, 1)).round().astype(np.uint8)
    return pixels
