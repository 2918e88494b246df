"""Hills: smooth waves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def hills(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.fields import FieldTerrain, height_fields, waves

    return FieldTerrain(height_fields("hills", waves, full_height=1.0, ease=3.0, planar=planar))


VARIATIONS = Variation(
    "hills",
    "terrain",
    "",
    0,
    1,
    "rolling hills: up to 1 m times this high, about 4 m from crest to crest",
    needs=("floor",),
    options=("layout",),
    terrain=hills,
)
