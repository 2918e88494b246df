"""Slippery patches in the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def patches(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.boxes import BoxTerrain
    from envs.terrain.shapes import PATCHES

    return BoxTerrain("patches", PATCHES, planar)


VARIATIONS = Variation(
    "patches",
    "terrain",
    "",
    0,
    1,
    "level slippery patches, the friction at 1 is 0.05 times the floor's",
    needs=("floor",),
    options=("layout",),
    terrain=patches,
)
