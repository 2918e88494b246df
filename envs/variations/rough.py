"""Rough ground: bumps every 0.2 m."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def rough(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.fields import FieldTerrain, bumps, height_fields

    return FieldTerrain(height_fields("rough", bumps, full_height=0.2, ease=0.4, planar=planar))


VARIATIONS = Variation(
    "rough",
    "terrain",
    "",
    0,
    1,
    "uneven ground: bumps of up to 0.2 m times this, every 0.2 m",
    needs=("floor",),
    options=("layout",),
    terrain=rough,
)
