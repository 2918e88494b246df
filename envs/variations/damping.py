"""Damping of the joints."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = Variation(
    "damping", "dynamics", "", 0, 100, "damping of the joints, times the stock value", "joint", fields=("dof_damping",)
)
