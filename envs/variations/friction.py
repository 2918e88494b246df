"""Friction of the ground and the robot, as a whole and by coefficient."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = (
    Variation(
        "friction",
        "dynamics",
        "",
        0.01,
        100,
        "friction of ground and robot, times the stock value",
        "geom",
        needs=("floor",),
        fields=("geom_friction",),  # sliding, torsional and rolling
    ),
    Variation(
        "frictions",
        "dynamics",
        "",
        0.01,
        100,
        "sliding, torsional and rolling friction separately, times the stock value",
        "coefficient",
        needs=("floor",),
        fields=("geom_friction",),
    ),
)
