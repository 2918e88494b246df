"""Robots from MJCF files, without a class of their own: everything is found from the model."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from envs.robots.mjcf import checked, model_files
from envs.robots.models import load, stamp
from envs.robots.robot import Robot

CONTROL_STEP = 0.02  # s; chosen: 50 Hz, at which most walking robots are controlled


def robot_from_file(path: str | Path, **attributes: Any) -> type[Robot]:
    """A `Robot` of an MJCF file; `attributes` are class attributes, such as `frame_skip`, `start` or `legs`.

    Without `frame_skip` it is controlled about every 0.02 s. The model is checked when it is first used. Raises
    ValueError for a file that is not safe to load or not a model, and for an attribute that no robot has.
    """
    file = checked(Path(path))
    if strange := sorted(name for name in attributes if not hasattr(Robot, name) and name != "frame_skip"):
        raise ValueError(f"a robot has no attribute {strange[0]!r}, expected one of {', '.join(_attributes())}")
    if "frame_skip" not in attributes:
        attributes["frame_skip"] = max(round(CONTROL_STEP / load(file).option.timestep), 1)
    return type(_class_name(file.stem), (Robot,), {"model_file": file, **attributes})


def found_in(path: str) -> type[Robot]:
    """The robot of a file, the same class at every call until the file is changed."""
    return _found(path, stamp(path))


def digest(robot: type[Robot]) -> str | None:
    """What the files of a robot's model hold, as a digest; None for a model that comes with a package.

    Raises ValueError for a file that is not safe to load.
    """
    if robot.gymnasium_id is not None or Path(robot.model_file).is_relative_to(Path(__file__).parent):
        return None
    held = hashlib.sha256()
    for file in model_files(Path(robot.model_file)):
        held.update(hashlib.sha256(file.read_bytes()).digest())
    return held.hexdigest()


@cache
def _found(path: str, _: tuple[int, int] | None) -> type[Robot]:
    return robot_from_file(path)


def _attributes() -> list[str]:
    return [
        "frame_skip",
        *(name for name, value in vars(Robot).items() if name[0] != "_" and not hasattr(value, "__func__")),
    ]


def _class_name(stem: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", stem)
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Robot{name}"
