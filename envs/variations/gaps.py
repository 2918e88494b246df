"""Gaps: platforms over a pit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def gaps(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.boxes import BoxTerrain
    from envs.terrain.shapes import GAPS

    return BoxTerrain("gaps", GAPS, planar)


VARIATIONS = Variation(
    "gaps",
    "terrain",
    "",
    0,
    1,
    "platforms 1 m above a pit, 0.6 m times this apart",
    needs=("floor",),
    options=("layout",),
    terrain=gaps,
)
