"""Robots by name: the files of this folder, plugins, and MJCF files by path. Listing imports no torch or mujoco."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from envs.listing import SourceRegistry, assignments, read_source
from envs.registry import Entry, first_line

if TYPE_CHECKING:
    from envs.robots.robot import Robot

BASE = "Robot"  # the class that every robot derives from, in `robot.py`


class RobotFacts(NamedTuple):
    """The class attributes of a robot that decide which tasks it can have."""

    class_name: str
    hidden_positions: int
    height_index: int | None
    legs: tuple[tuple[int, ...], ...]
    gymnasium_id: str | None

    @property
    def is_planar(self) -> bool:
        """Whether it only moves along x."""
        return self.hidden_positions < 2

    @property
    def touches_ground(self) -> bool:
        """Whether it has a height over the ground."""
        return self.height_index is not None


class RobotRegistry(SourceRegistry["type[Robot]"]):
    """`Robot` classes by name. The name is that of the file; for plugins see `offered_by`."""

    def __init__(self) -> None:
        super().__init__("robot", "envs.robots", "metarl.robots")
        self._facts: dict[str, RobotFacts] = {}
        self._offered: dict[str, type[Robot]] = {}  # by plugins: their facts are worked out when they are asked for

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or _is_file(name)

    def __getitem__(self, name: str) -> type[Robot]:
        """Import a robot, or make one of an MJCF file. Raises ValueError for an unknown name, or an unsafe file."""
        if _is_file(name):
            from envs.robots.from_file import found_in

            return found_in(name)
        return super().__getitem__(name)

    def facts(self, name: str) -> RobotFacts:
        """What decides which tasks a robot can have, read without importing it; of a plugin's, from its model.

        Raises ValueError for a model that is not understood.
        """
        self.check(name)
        if _is_file(name):
            return facts_of(self[name])
        if name not in self._facts:
            self._facts[name] = facts_of(self._offered[name])
        return self._facts[name]

    def read_files(self, paths: list[Path]) -> dict[str, Entry[type[Robot]]]:
        """The robot of each file: the class whose name is that of the file, or the last robot that it defines."""
        trees = {path.stem: read_source(path) for path in paths}
        classes = {node.name: node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)}
        entries: dict[str, Entry[type[Robot]]] = {}
        for name, tree in trees.items():
            own = [n.name for n in tree.body if isinstance(n, ast.ClassDef) and _is_robot(n, classes)]
            if own:
                class_name = next((c for c in own if snake_case(c) == name), own[-1])
                text = (ast.get_docstring(tree) or "").split("\n")[0]
                entries[name] = Entry(text, partial(self._import, name, class_name))
                self._facts[name] = _facts_of(class_name, _attributes(classes[class_name], classes))
        return entries

    def offered_by(self, module: ModuleType) -> dict[str, Entry[type[Robot]]]:
        """Every complete robot (with `model_file` and `frame_skip`) that a module defines, under its class attribute
        `name`, or else the name of its class in snake_case.
        """
        if "envs.robots.robot" not in sys.modules:  # then it has no robot, and mujoco need not be imported
            return {}
        from envs.robots.robot import Robot

        entries: dict[str, Entry[type[Robot]]] = {}
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Robot) and item.__module__ == module.__name__:
                if not (hasattr(item, "model_file") and hasattr(item, "frame_skip")):
                    continue
                name = vars(item).get("name") or snake_case(item.__name__)
                entries[name] = Entry.of(first_line(module), item)
                self._offered[name] = item
        return entries

    def _import(self, name: str, class_name: str) -> type[Robot]:
        found: type[Robot] = getattr(importlib.import_module(f"{self.package}.{name}"), class_name)
        return found


_LOOKED_UP = RobotFacts._fields[1:]


def _is_file(name: object) -> bool:
    """Whether a robot is named by its MJCF file."""
    return isinstance(name, str) and name.lower().endswith(".xml")


def facts_of(robot: type[Robot]) -> RobotFacts:
    """The facts of a robot class, as its model has them. Raises ValueError for one that is not understood."""
    anatomy = robot.understood().anatomy
    hidden = 1 if robot.is_planar() else max(len(anatomy.position), 2)
    height = anatomy.height if anatomy.floor else None
    return RobotFacts(robot.__name__, hidden, height, robot.legs, robot.gymnasium_id)


def _facts_of(class_name: str, attributes: Mapping[str, Any]) -> RobotFacts:
    return RobotFacts(class_name, *(attributes[field] for field in _LOOKED_UP))


def snake_case(name: str) -> str:
    """`half_cheetah` of `HalfCheetah`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _bases(node: ast.ClassDef) -> list[str]:
    return [base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases]


def _is_robot(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> bool:
    """Whether a class derives from `Robot`, directly or through other classes of the folder."""
    return any(base == BASE or (base in classes and _is_robot(classes[base], classes)) for base in _bases(node))


def _attributes(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> dict[str, Any]:
    """Class attributes with a literal value, those of its bases included."""
    found: dict[str, Any] = {}
    for base in reversed(_bases(node)):
        found |= _attributes(classes[base], classes) if base in classes else {}
    for name, value in assignments(node.body).items():
        if name in _LOOKED_UP:
            found[name] = ast.literal_eval(value)
    return found


ROBOTS = RobotRegistry()
