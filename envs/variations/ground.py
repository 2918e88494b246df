"""Ground: which kind of ground a task has, where several are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.robots.robot import Robot
    from envs.terrain.terrain import Terrain

KINDS = ("stairs up", "stairs down", "obstacles", "gaps", "slippery patches")


def mixed(planar: bool) -> Terrain:
    """The terrain, for planar or other robots."""
    from envs.terrain.mixed import MixedTerrain

    return MixedTerrain(planar)


def count_kinds(model: mujoco.MjModel, robot: type[Robot]) -> int:
    """Number of kinds of ground."""
    return len(KINDS)


VARIATIONS = (
    Variation(
        "ground",
        "terrain",
        "",
        0,
        len(KINDS) - 1,
        "kind of ground: " + ", ".join(f"{i} {kind}" for i, kind in enumerate(KINDS)),
        whole=True,
        needs=("floor",),
        options=("difficulty", "layout"),
        count=count_kinds,
        terrain=mixed,
    ),
    Variation("difficulty", "terrain", "", 0, 1, "how hard a ground of mixed kind is, 0 is flat"),
)
