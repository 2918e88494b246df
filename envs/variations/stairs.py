"""Stairs on all sides of the start, up or down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from envs.terrain.terrain import Terrain


def stairs_up(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.boxes import BoxTerrain
    from envs.terrain.shapes import STAIRS_UP

    return BoxTerrain("stairs_up", STAIRS_UP, planar)


def stairs_down(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.boxes import BoxTerrain
    from envs.terrain.shapes import STAIRS_DOWN

    return BoxTerrain("stairs_down", STAIRS_DOWN, planar)


VARIATIONS = (
    Variation(
        "stairs_up",
        "terrain",
        "",
        0,
        1,
        "stairs that rise on all sides: steps of 0.2 m times this, 0.31 m deep",
        needs=("floor",),
        terrain=stairs_up,
    ),
    Variation(
        "stairs_down",
        "terrain",
        "",
        0,
        1,
        "stairs that descend on all sides: steps of 0.2 m times this, 0.31 m deep",
        needs=("floor",),
        terrain=stairs_down,
    ),
)
