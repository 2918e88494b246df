"""Delay: time from an action to its effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Variation

if TYPE_CHECKING:
    import mujoco

    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params


def add_history(spec: mujoco.MjSpec, highest: float) -> None:
    """A buffer of past controls for every motor, long enough for a delay of `highest` s."""
    for motor in spec.actuators:
        motor.delay = highest
        motor.nsample = int(highest / spec.option.timestep) + 2


def set_delay(params: Params, task: Task, robot: type[Robot]) -> None:
    """Whole physics steps, rounded, less half a step.

    MuJoCo compares accumulated times: without the half step, rounding would let some actions act too early. Raises
    ValueError for a delay longer than the buffer.
    """
    model, delay = params.model, task["delay"]
    step, longest = float(model.opt.timestep), model.opt.timestep * (int(model.actuator_history[0, 0]) - 2)
    if delay.max() > longest + step:
        raise ValueError(f"delay {delay.max():g} s exceeds the longest delay of this family, {longest:g} s")
    seconds = ((delay / step).round() - 0.5).clamp(min=0) * step  # [W]
    params["actuator_delay"] = seconds[:, None].expand(-1, model.nu).clone()


VARIATIONS = Variation(
    "delay", "dynamics", "s", 0, 0.2, "time from an action to its effect", prepare=add_history, apply=set_delay
)
