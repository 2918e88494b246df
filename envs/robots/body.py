"""`Body`: what a robot's methods see of its worlds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from envs.anatomy.anatomy import Anatomy
from envs.anatomy.pose import Floats
from envs.simulation import Simulator


class Body:
    """The state of `W` worlds of a robot, the ground below it, and its latest action.

    limits: [nu, 2] ranges of the controls. hold: [nu] controls of an action of 0.
    """

    def __init__(self, sim: Simulator, anatomy: Anatomy, limits: Floats, hold: Floats) -> None:
        self.sim = sim
        self.anatomy = anatomy
        self.ground: Tensor | None = None  # [W] height of the ground below the torso in m; None if it is 0 everywhere
        if anatomy.floor and anatomy.floor.height:
            self.ground = torch.full_like(sim.qpos[:, 0], anatomy.floor.height)
        self.down = torch.tensor([[0.0, 0.0, -1.0]]).to(sim.qpos).expand(sim.num_worlds, 3)  # direction of gravity
        self.act = torch.zeros_like(sim.ctrl)  # [W, A] the latest action, in [-1, 1]; NaN is possible
        low, high = torch.from_numpy(limits).to(sim.qpos).T
        self.rest = torch.from_numpy(hold).to(sim.qpos)  # [A]
        self.above, self.below = high - self.rest, self.rest - low  # [A] from there to the ends of the range
        self.is_unit = bool((low == -1).all() and (high == 1).all() and (self.rest == 0).all())
        middle = (limits[:, 0] + limits[:, 1]) / 2
        self.is_centred = bool(np.array_equal(hold, middle))
        self.reach = (high - low) / 2  # [A] half width

    @property
    def qpos(self) -> Tensor:
        """[W, nq], live."""
        return self.sim.qpos

    @property
    def qvel(self) -> Tensor:
        """[W, nv], live."""
        return self.sim.qvel

    def field(self, name: str) -> Tensor:
        """A derived field by its MuJoCo name, [W, ...]."""
        return self.sim.field(name)

    def above_ground(self, height: Tensor) -> Tensor:
        """Global heights [W] minus the height of the ground below the torso, [W] m."""
        return height if self.ground is None else height - self.ground

    def controls(self, act: Tensor) -> Tensor:
        """Controls [W, nu] of actions [W, nu] in [-1, 1]: 0 holds, -1 and 1 are the ends of the range."""
        if self.is_unit:
            return act
        if self.is_centred:
            centred: Tensor = act * self.reach + self.rest
            return centred
        controls: Tensor = self.rest + act.clamp(min=0) * self.above + act.clamp(max=0) * self.below
        return controls


def to_base(q: Tensor, v: Tensor) -> Tensor:
    """Vectors of the world [W, 3] in the frame of a base, whose orientation is the unit quaternion q [W, 4]."""
    w, u = q[:, :1], -q[:, 1:]  # the inverse rotation
    crossed = torch.linalg.cross(u, v)
    rotated: Tensor = v + 2 * (w * crossed + torch.linalg.cross(u, crossed))
    return rotated
