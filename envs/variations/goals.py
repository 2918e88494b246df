"""Goals: what the robot is paid for. Each takes the speed along x [W] in m/s and the task's number [W]."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Goal = Callable[[Tensor, Tensor], Tensor]


def direction(speed: Tensor, sign: Tensor) -> Tensor:
    """Run forwards (+1) or backwards (-1): direction * v (Finn et al. 2017, section 5.3)."""
    return sign * speed


def velocity(speed: Tensor, target: Tensor) -> Tensor:
    """Run at a target speed in m/s: -|v - target| (Finn et al. 2017, section 5.3)."""
    return -(speed - target).abs()


GOALS: dict[str, Goal] = {"direction": direction, "velocity": velocity}
