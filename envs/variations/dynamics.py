"""Dynamics: the robot's own physics."""

from __future__ import annotations

from torch import Tensor

from envs.simulation import Simulator


def friction(sim: Simulator, coefficient: Tensor) -> None:
    """Sliding friction [W] of every geom, floor and feet alike (MuJoCo takes the larger of two)."""
    values = sim.params("geom_friction")  # [W, ngeom, 3]: sliding, torsional, rolling
    values[:, :, 0] = coefficient[:, None].to(values)
    sim.set_params("geom_friction", values)
