"""Coloured shapes: areas by hand, and each class looks as its name says."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest

from envs.fewshot.shapes import COLOURS, OUTLINES, TEXTURES, Kind, kinds, picture


@pytest.mark.parametrize(
    ("outline", "area"),
    [
        ("disc", math.pi),
        ("ellipse", math.pi / 2),
        ("ring", 0.75 * math.pi),
        ("triangle", 3 / 2 * math.sin(2 * math.pi / 3)),
        ("square", 2.0),
        ("hexagon", 3 * math.sin(math.pi / 3)),
        ("cross", 4 * (1 - 0.7**2)),  # a square of side 2 without four of side 0.7
        ("star", math.pi * (0.65**2 + 0.35**2 / 2)),  # half the integral of the squared radius
    ],
)
def test_areas_of_outlines(outline: str, area: float) -> None:
    at = np.linspace(-1.1, 1.1, 1000)
    inside = OUTLINES[outline](*np.meshgrid(at, at))
    assert inside.mean() * 2.2**2 == pytest.approx(area, rel=0.01)


def test_every_outline_is_named_and_every_texture_differs() -> None:
    at = np.linspace(-1, 1, 200)
    patterns = [texture(*np.meshgrid(at, at)) for texture in TEXTURES.values()]
    assert all(p.min() >= 0 and p.max() <= 1 for p in patterns)
    for i, one in enumerate(patterns):
        assert all(abs(one - other).mean() > 0.1 for other in patterns[:i])
    names = [kind.name for kind in kinds()]
    assert len(set(names)) == len(names) == len(COLOURS) * len(TEXTURES) * len(OUTLINES) == 288
    assert len({kind.outline for kind in kinds()[:40]}) == len(OUTLINES)


def test_a_picture_is_determined_by_its_class_and_its_seed() -> None:
    kind = kinds()[0]
    first = picture(kind, 0)
    assert first.shape == (84, 84, 3)
    assert np.array_equal(first, picture(kind, 0))
    assert not np.array_equal(first, picture(kind, 1))
    assert not np.array_equal(first, picture(kinds()[1], 0))


@pytest.mark.parametrize("colour", COLOURS)
def test_the_brightest_colour_is_that_of_the_name(colour: str) -> None:
    """The hue of the most saturated pixels of ten discs, on the circle of hues."""
    for seed in range(10):
        pixels = picture(Kind(colour, "plain", "disc"), seed).reshape(-1, 3) / 255
        saturated = pixels[np.argsort(np.ptp(pixels, axis=1))[-500:]].mean(0)
        hue = colorsys.rgb_to_hsv(*saturated)[0]
        assert abs((hue - COLOURS[colour] + 0.5) % 1 - 0.5) < 0.05
