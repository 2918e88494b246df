"""What is installed and what works; or what is understood of a robot's model."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from metarl.cli.common import console, no_overrides
from metarl.errors import UserError


@dataclass
class Doctor:
    """Versions, devices, threads, rendering, and what to install if something is missing.

    With --robot: what is understood of a robot's model.
    """

    json: bool = False
    """print JSON instead of a table"""
    robot: str | None = None
    """an MJCF file, or the name of a robot: its parts, actuators and start, and what may vary in it"""
    picture: Path | None = None
    """with --robot: a PNG of the robot at its start"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        if self.robot is not None:
            return self._examine(self.robot)
        if self.picture is not None:
            raise UserError("--picture shows a robot: name one with --robot")
        from metarl.system import doctor

        rows = doctor.checks()
        if self.json:
            print(json.dumps([{"check": a, "ok": ok, "found": b} for a, ok, b in rows], indent=1))
        else:
            _show(None, [(_mark(ok, "missing"), name, found) for name, ok, found in rows])
        return 0 if all(ok for _, ok, _ in rows) else 1

    @staticmethod
    def advice(word: str) -> str:
        """On a word without an option, which may be a robot."""
        from envs.robots.registry import ROBOTS

        if word in ROBOTS or word.endswith(".xml"):
            return f"a robot is shown by --robot {word}"
        return f"--robot shows a robot, an MJCF file or one of {', '.join(ROBOTS.names())}"

    def _examine(self, robot: str) -> int:
        if self.picture is not None:
            self._choose_renderer(self.picture)
        from metarl.system import robot_report

        logging.getLogger("envs.robots").setLevel(logging.ERROR)  # what was chosen is in the table
        try:
            found = robot_report.report(robot)
            if self.picture is not None:
                robot_report.picture(robot, self.picture)
        except ValueError as error:
            raise UserError(str(error)) from None
        if self.json:
            print(json.dumps(found._asdict(), indent=1))
            return 0
        _show(None, found.facts)
        _show(("\nactuator", "\nacts on", "\ncontrol", "\nfrom", "\nat action 0"), found.actuators)
        _show(("\njoint", "\nkind", "\nrange", "\ndamping"), found.joints)
        _show(("", "\nmay vary", ""), [(_mark(not why, "no"), name, why) for name, why in found.variables])
        return 0

    def _choose_renderer(self, picture: Path) -> None:
        from metarl.system import rendering

        if picture.suffix != ".png":
            raise UserError(f"--picture is {picture}, expected the name of a PNG file: its suffix is .png")
        if not picture.parent.is_dir():
            raise UserError(f"the folder {picture.parent} does not exist: make it first")
        backend = rendering.working()
        if backend is None:
            raise UserError(f"no picture can be made, no OpenGL library was found: {rendering.ADVICE}")
        os.environ["MUJOCO_GL"] = backend


def _mark(ok: bool, otherwise: str) -> Text:
    return Text("ok", "green") if ok else Text(otherwise, "red")


def _show(heads: tuple[str, ...] | None, rows: Iterable[tuple[Any, ...]]) -> None:
    table = Table(*(heads or ()), box=None, show_header=heads is not None, header_style="bold", title_justify="left")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console.print(table)
