"""Friction of the ground and the robot, as a whole and by coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.simulation.params import Params


def scale_contacts(params: Params, factors: Tensor) -> None:
    """Friction of geoms, then that of explicit pairs of contacts, which have their own: [W, geoms + pairs]."""
    _scale(params, factors, params.model.ngeom)


def scale_coefficients(params: Params, factors: Tensor) -> None:
    """The same by coefficient: [W, 3 * geoms + 5 * pairs]."""
    _scale(params, factors, 3 * params.model.ngeom)


def _scale(params: Params, factors: Tensor, of_geoms: int) -> None:
    params.scale("geom_friction", factors[:, :of_geoms])
    if params.model.npair:
        params.scale("pair_friction", factors[:, of_geoms:])


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
        scale=scale_contacts,
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
        scale=scale_coefficients,
    ),
)
