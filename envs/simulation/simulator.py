"""What every simulation backend offers: torch tensors in and out, `W` worlds at a time."""

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
    bound: tuple[str, ...]  # the derived fields that were asked for, and are kept up to date
    diverged: Tensor  # [W] bool: broke down in the latest `step`, and was put back into the model's initial state

    def field(self, name: str) -> Tensor:
        """A derived field by its MuJoCo name, [W, ...]; it describes the state before the last substep, or the state
        after it where the simulator was made with `fresh=True`.
        """

    def set_params(self, params: Mapping[str, Tensor], mask: Tensor | None = None) -> None:
        """Give the worlds of `mask` [W] bool (all without it) their own values of model fields (`geom_friction`,
        `opt.gravity`, ...), each [W, ...]; others are untouched.
        """

    def params(self, name: str) -> Tensor:
        """A model field of each world, [W, ...], as a copy."""

    def step(self, ctrl: Tensor, substeps: int) -> None:
        """Hold `ctrl` [W, nu] for `substeps` physics steps."""

    def reset(self, mask: Tensor | None = None) -> None:
        """Return the worlds of `mask` [W] bool (all without it) to the model's initial state, others untouched."""

    def fill_history(self, ctrl: Tensor, mask: Tensor | None = None) -> None:
        """Take `ctrl` [W, nu] for what delayed motors were last told."""

    def forward(self, mask: Tensor | None = None) -> None:
        """Recompute derived fields after the state was written."""

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """One world as MuJoCo's own objects, for rendering: a snapshot."""
