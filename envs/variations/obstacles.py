"""Obstacles: scattered blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def obstacles(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.boxes import BoxTerrain
    from envs.terrain.shapes import OBSTACLES

    return BoxTerrain("obstacles", OBSTACLES, planar)


VARIATIONS = Variation(
    "obstacles",
    "terrain",
    "",
    0,
    1,
    "scattered blocks, up to 0.25 m times this high",
    needs=("floor",),
    options=("layout",),
    terrain=obstacles,
)
