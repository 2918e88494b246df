"""Strength of the motors."""

from __future__ import annotations

from envs.variations.variation import Variation

VARIATIONS = Variation(
    "motor",
    "dynamics",
    "",
    0,
    10,
    "strength of the motors, times the stock value",
    "motor",
    fields=("actuator_gainprm", "actuator_biasprm", "actuator_forcerange"),  # torque for the same control
)
