"""Physical parameters of `W` worlds: model fields that start at the stock values, to be changed world by world."""

from __future__ import annotations

from functools import reduce

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs.core import Task


class Params(dict[str, Tensor]):
    """Model fields by name, [W, ...] float64 or int32; a field is copied from the model when it is first read.

    motors_enabled: 1 for each motor that works and 0 for a disabled one, [W, nu]; None if none was disabled.
    """

    def __init__(self, model: mujoco.MjModel, num_worlds: int) -> None:
        self.model = model
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
        for field in ("actuator_gainprm", "actuator_biasprm"):
            self.scale(field, enabled)
        self.motors_enabled = enabled if self.motors_enabled is None else self.motors_enabled * enabled


def elements(model: mujoco.MjModel, kind: str) -> dict[str, list[int]]:
    """The elements of a model of one kind: name -> its indices in the model's fields.

    kind: `body`, `joint`, `geom`, `motor`; `axis`, one of the three inertias of a body; or `coefficient`, one of the
    three frictions of a geom.
    """
    if kind == "body":
        return {_name(model.body(i).name, "body", i): [i] for i in range(1, model.nbody) if model.body_mass[i] > 0}
    if kind == "geom":
        return {_name(model.geom(i).name, "geom", i): [i] for i in range(model.ngeom) if _can_touch(model, i)}
    if kind == "axis":
        bodies = elements(model, "body").items()
        return {f"{name}:{axis}": [3 * i + k] for name, (i,) in bodies for k, axis in enumerate("xyz")}
    if kind == "coefficient":
        geoms = elements(model, "geom").items()
        kinds = ("slide", "spin", "roll")
        return {f"{name}:{kind}": [3 * i + k] for name, (i,) in geoms for k, kind in enumerate(kinds)}
    joints = {}
    for j in range(model.njnt):
        first, count = int(model.jnt_dofadr[j]), _DOFS[int(model.jnt_type[j])]
        joints[_name(model.joint(j).name, "joint", j)] = list(range(first, first + count))
    if kind == "joint":
        return joints
    names = [model.joint(int(model.actuator_trnid[i, 0])).name for i in range(model.nu)]
    return {_name(name, "motor", i): [i] for i, name in enumerate(names)}


_DOFS = {0: 6, 1: 3, 2: 1, 3: 1}  # of a free, ball, slide and hinge joint


def _name(name: str, kind: str, index: int) -> str:
    return name or f"{kind}{index}"


def _can_touch(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom_contype[geom] or model.geom_conaffinity[geom])


def factors(task: Task, name: str, places: dict[str, list[int]], size: int, num_worlds: int) -> Tensor:
    """The factor of each of `size` entries, [W, size]: that of all elements times that of each element."""
    out = torch.ones(num_worlds, size, dtype=torch.float64)
    if name in task:
        out *= task[name][:, None]
    for element, entries in places.items():
        if (own := f"{name}:{element}") in task:
            out[:, entries] *= task[own][:, None]
    return out
