"""Strength of the motors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.simulation.params import Params


def scale_motors(params: Params, factors: Tensor) -> None:
    """The force for the same control, and every limit on it."""
    params.scale_forces(factors)
    params.scale_force_limits(factors)


VARIATIONS = Variation(
    "motor",
    "dynamics",
    "",
    0,
    10,
    "strength of the motors, times the stock value",
    "motor",
    fields=("actuator_gainprm",),
    scale=scale_motors,
)
