"""Layout: which of the random grounds of the same difficulty."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = Variation(
    "layout", "terrain", "", 0, 1, "which of the random grounds of the same difficulty", full_range=True
)
