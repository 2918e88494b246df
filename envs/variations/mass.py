"""Mass of the bodies."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = Variation(
    "mass", "dynamics", "", 0.01, 100, "mass of the bodies, times the stock value", "body", fields=("body_mass",)
)
