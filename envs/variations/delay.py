"""Delay: time from an action to its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params


def add_history(spec: mujoco.MjSpec, highest: float, robot: type[Robot]) -> None:
    """A buffer of past controls for every motor, long enough for its own delay and `highest` s more.

    Raises ValueError for delays that all round to no physics step.
    """
    if 0 < highest < spec.option.timestep / 2:
        raise ValueError(
            f"delay would change nothing: at most {highest:g} s is less than half a physics step of "
            f"{spec.option.timestep:g} s"
        )
    for motor in spec.actuators:
        longest = max(motor.delay, 0.0) + highest
        motor.delay = longest
        motor.nsample = int(longest / spec.option.timestep) + 2


def set_delay(params: Params, task: Task, robot: type[Robot]) -> None:
    """The motor's own delay and that of the task, in whole physics steps, rounded, less half a step.

    MuJoCo compares accumulated times: without the half step, rounding would let some actions act too early. Raises
    ValueError for a delay longer than the buffer.
    """
    import torch

    model, delay = params.model, task["delay"]
    step = float(model.opt.timestep)
    own = torch.from_numpy(robot.understood().model.actuator_delay.copy()).clamp(min=0)  # [nu]
    longest = step * (torch.from_numpy(model.actuator_history[:, 0].copy()) - 2) - own  # [nu]
    if delay.max() > longest.min() + step:
        raise ValueError(f"delay {delay.max():g} s exceeds the longest delay of this family, {longest.min():g} s")
    params["actuator_delay"] = (((delay[:, None] + own) / step).round() - 0.5).clamp(min=0) * step  # [W, nu]


VARIATIONS = Variation(
    "delay", "dynamics", "s", 0, 0.2, "time from an action to its effect", prepare=add_history, apply=set_delay
)
