"""Rotational inertia of the bodies, as a whole and about each principal axis."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = (
    Variation(
        "inertia",
        "dynamics",
        "",
        0.01,
        100,
        "rotational inertia of the bodies, times the stock value",
        "body",
        fields=("body_inertia",),
    ),
    Variation(
        "inertia_axes",
        "dynamics",
        "",
        0.01,
        100,
        "rotational inertia about each principal axis, times the stock value",
        "axis",
        fields=("body_inertia",),
    ),
)
