"""The interface of simulation backends: torch tensors in and out, `W` worlds in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import mujoco
from torch import Tensor


class Simulator(Protocol):
    """`W` worlds of one model. Positions in m and rad, velocities in m/s and rad/s, controls in ctrl units."""

    model: mujoco.MjModel
    num_worlds: int
    qpos: Tensor  # [W, nq], live: a write is the state at the next call
    qvel: Tensor  # [W, nv], live
    ctrl: Tensor  # [W, nu], live
    activation: Tensor  # [W, na] states of actuators that have one, such as muscles, live
    bound: tuple[str, ...]  # the derived fields that were requested, and are kept up to date
    diverged: Tensor  # [W] bool: diverged in the latest `step`, and was reset to the model's initial state

    def field(self, name: str) -> Tensor:
        """A derived field by its MuJoCo name, [W, ...], of the state before the last substep, or after it if the
        simulator was made with `fresh=True`.
        """

    def set_params(self, params: Mapping[str, Tensor], mask: Tensor | None = None) -> None:
        """Set model fields (`geom_friction`, `opt.gravity`, ...), [W, ...] each, in the worlds of `mask` [W] bool, or
        all; other worlds keep theirs.
        """

    def params(self, name: str) -> Tensor:
        """A model field of each world, [W, ...], as a copy."""

    def step(self, ctrl: Tensor, substeps: int) -> None:
        """Hold `ctrl` [W, nu] for `substeps` physics steps."""

    def reset(self, mask: Tensor | None = None) -> None:
        """Reset the worlds of `mask` [W] bool, or all, to the model's initial state."""

    def fill_history(self, ctrl: Tensor, mask: Tensor | None = None) -> None:
        """Fill the buffers of delayed motors with `ctrl` [W, nu], in the worlds of `mask` [W] bool, or all."""

    def forward(self, mask: Tensor | None = None) -> None:
        """Recompute derived fields after the state was written, in the worlds of `mask` [W] bool, or all."""

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """One world as MuJoCo's own objects, for rendering: a snapshot."""
