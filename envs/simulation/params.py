"""Physical parameters of `W` worlds: model fields that start at the stock values, to be changed world by world."""

from __future__ import annotations

from functools import reduce

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs.anatomy.anatomy import Anatomy, understand


class Params(dict[str, Tensor]):
    """Model fields by name, [W, ...] float64 or int32; a field is copied from the model when it is first read.

    anatomy: what the model consists of.
    motors_enabled: 1 for each motor that works and 0 for a disabled one, [W, nu]; None if none was disabled.
    """

    def __init__(self, model: mujoco.MjModel, num_worlds: int, anatomy: Anatomy | None = None) -> None:
        self.model = model
        self.anatomy = understand(model) if anatomy is None else anatomy
        self.num_worlds = num_worlds
        self.motors_enabled: Tensor | None = None

    def __missing__(self, name: str) -> Tensor:
        own = torch.from_numpy(np.atleast_1d(reduce(getattr, name.split("."), self.model)).copy())
        self[name] = own.expand(self.num_worlds, *own.shape).clone()
        return self[name]

    def scale(self, name: str, factors: Tensor) -> None:
        """Multiply a field [W, n, ...] by factors [W, n], or by a factor for each of its numbers, [W, n * ...]."""
        field = self[name]
        width = field[0].numel() // factors.shape[1]
        self[name] = field * factors.repeat_interleave(width, 1).view_as(field).to(field)

    def disable_motors(self, chosen: Tensor, groups: list[tuple[int, ...]]) -> None:
        """Disable the motors of group `chosen` [W] of each world; -1 disables none."""
        enabled = torch.ones(self.num_worlds, self.model.nu, dtype=torch.float64)
        for i, group in enumerate(groups):
            enabled[:, list(group)] *= (chosen != i).double()[:, None]
        self.scale_forces(enabled)
        low, high = self.model.actuator_forcerange.T
        if (self.model.actuator_forcelimited.astype(bool) & ((low > 0) | (high < 0))).any():  # else 0 is within
            self.scale("actuator_forcerange", enabled)
        self.motors_enabled = enabled if self.motors_enabled is None else self.motors_enabled * enabled

    def scale_forces(self, factors: Tensor) -> None:
        """Multiply the force of every motor for the same control, by factors [W, nu]."""
        kinds = {"actuator_gainprm": self.model.actuator_gaintype, "actuator_biasprm": self.model.actuator_biastype}
        for field, kind in kinds.items():
            muscles = kind == _MUSCLE[field]
            if not muscles.any():
                self.scale(field, factors)
                continue
            every = factors[..., None].expand_as(self[field]).clone()  # [W, nu, 10]
            every[:, muscles] = torch.where(_MUSCLE_FORCE, every[:, muscles], 1.0)
            self[field] = self[field] * every

    def scale_force_limits(self, factors: Tensor) -> None:
        """Multiply the limits of forces, on motors, joints and tendons, by the factors [W, nu] of their motors.

        A joint or tendon that several motors move gets the largest of their factors.
        """
        self.scale("actuator_forcerange", factors)
        model, actuators = self.model, self.anatomy.actuators
        for joint in np.flatnonzero(model.jnt_actfrclimited):
            dof = int(model.jnt_dofadr[joint])
            if movers := [i for i, a in enumerate(actuators) if dof in a.dofs]:
                self["jnt_actfrcrange"][:, joint] *= factors[:, movers].amax(1)[:, None]
        for tendon in np.flatnonzero(model.tendon_actfrclimited):
            name = model.tendon(tendon).name
            if movers := [i for i, a in enumerate(actuators) if (a.kind, a.target) == ("tendon", name)]:
                self["tendon_actfrcrange"][:, tendon] *= factors[:, movers].amax(1)[:, None]


_MUSCLE = {
    "actuator_gainprm": int(mujoco.mjtGain.mjGAIN_MUSCLE),
    "actuator_biasprm": int(mujoco.mjtBias.mjBIAS_MUSCLE),
}
_MUSCLE_FORCE = torch.tensor([i in (2, 3) for i in range(mujoco.mjNGAIN)])  # peak force, and what it is worked out from
