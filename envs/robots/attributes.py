"""Whether the class attributes of a robot fit its model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import mujoco


def check_attributes(robot: Any, model: mujoco.MjModel) -> None:
    """Raise ValueError, in one sentence, for the first class attribute of a robot that its model does not allow."""
    name = robot.__name__

    def refuse(attribute: str, expected: str) -> NoReturn:
        raise ValueError(f"{name}.{attribute} is {getattr(robot, attribute)!r}, expected {expected}")

    if not _is_whole(robot.frame_skip, 1, 10_000):
        refuse("frame_skip", "a whole number of physics steps, 1 to 10000")
    if robot.hidden_positions != "auto" and not _is_whole(robot.hidden_positions, 0, model.nq):
        refuse("hidden_positions", f"'auto' or a number of entries of qpos, 0 to {model.nq}")
    if robot.height_index not in ("auto", None) and not _is_whole(robot.height_index, 0, model.nq - 1):
        refuse("height_index", f"'auto', None or an index into qpos, 0 to {model.nq - 1}")
    _check_legs(robot.legs, model.nu, refuse)
    for attribute in ("reset_noise", "velocity_noise"):
        value = getattr(robot, attribute)
        if value is not None and not (_is_number(value) and 0 <= value < math.inf):
            refuse(attribute, "a finite number, at least 0")
    for attribute in ("ctrl_cost", "alive_bonus", "forward_weight", "camera_height"):
        if not (_is_number(getattr(robot, attribute)) and math.isfinite(getattr(robot, attribute))):
            refuse(attribute, "a finite number")
    for attribute in ("camera_distance", "max_velocity"):
        if not (_is_number(getattr(robot, attribute)) and getattr(robot, attribute) > 0):
            refuse(attribute, "a number above 0")


def _check_legs(legs: Any, motors: int, refuse: Callable[[str, str], NoReturn]) -> None:
    expected = f"tuples of indices of its motors, 0 to {motors - 1}, each motor in one leg at most"
    if not isinstance(legs, tuple | list) or not all(isinstance(leg, tuple | list) and leg for leg in legs):
        refuse("legs", expected)
    numbers = [motor for leg in legs for motor in leg]
    if not all(_is_whole(n, 0, motors - 1) for n in numbers) or len(set(numbers)) < len(numbers):
        refuse("legs", expected)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
