"""Rotor inertia of the joints."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = Variation(
    "armature",
    "dynamics",
    "",
    0,
    100,
    "rotor inertia of the joints, times the stock value",
    "joint",
    fields=("dof_armature",),
)
