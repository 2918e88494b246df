"""Distributions of tasks by name: every robot's families (`HalfCheetahSlope`) and the classic ones (`pearl-ant-goal`).

Listing them imports neither torch nor mujoco.
"""

from __future__ import annotations

import logging
from types import ModuleType
from typing import TYPE_CHECKING, Any

from envs.classic.registry import CLASSIC
from envs.locomotion.families import FAMILIES, HORIZON
from envs.registry import nearest
from envs.robots.registry import ROBOTS, RobotFacts

if TYPE_CHECKING:
    from envs.locomotion.family import Locomotion
    from envs.point import PointNavigation

    Family = Locomotion | PointNavigation


log = logging.getLogger(__name__)
_refused: set[str] = set()


def robot_families() -> dict[str, tuple[str, str]]:
    """The families of the robots by name: the robot and the kind (of `FAMILIES`) of each."""
    facts = {robot: known for robot in ROBOTS.names() if (known := _facts(robot))}
    return {
        f"{facts[robot].class_name}{kind}": (robot, kind)
        for robot in facts
        for kind, family in FAMILIES.items()
        if family.fits(facts[robot])
    }


def _facts(robot: str) -> RobotFacts | None:
    """The facts of a robot; None, and a warning once, for one whose model is not understood."""
    if robot in _refused:
        return None
    try:
        return ROBOTS.facts(robot)
    except ValueError as error:
        _refused.add(robot)
        log.warning("the robot %s has no tasks: %s", robot, error)
        return None


def describe() -> dict[str, str]:
    """Every distribution by name, with one line of text."""
    own = {name: f"{robot}: {FAMILIES[kind].text}" for name, (robot, kind) in robot_families().items()}
    return own | CLASSIC.describe()


names = describe


def add(module: ModuleType) -> bool:
    """Register the `DEFINITIONS` of a plugin; False if it has none. Raises ValueError for a name that is taken."""
    return CLASSIC.add(module)


def is_point(name: str) -> bool:
    """Whether a distribution is of points in the plane."""
    if name not in CLASSIC:
        return False
    from envs.classic.definition import PointDefinition

    return isinstance(CLASSIC[name], PointDefinition)


def build_family(name: str, **options: Any) -> Family:
    """A distribution by its name; options are those of `Locomotion`. Actions of robot families lie in [-1, 1].

    Raises ValueError for an unknown name.
    """
    if name in CLASSIC:
        return CLASSIC[name].make(**options)
    from envs.locomotion.family import Locomotion

    robot, kind = _robot_and_kind(name)
    variables = FAMILIES[kind].variables(ROBOTS[robot])
    if FAMILIES[kind].commanded:
        from envs.legged.family import Legged

        return Legged(robot, variables, **({"horizon": HORIZON} | options))
    settings: dict[str, Any] = {"action_scale": 1.0, "horizon": HORIZON} | options
    return Locomotion(robot, variables, **settings)


def horizon(name: str) -> int:
    """Control steps of an episode."""
    return CLASSIC[name].horizon if name in CLASSIC else HORIZON


def _robot_and_kind(name: str) -> tuple[str, str]:
    families = robot_families()
    if name not in families:
        close = nearest(name, describe())
        hint = close if close.startswith("did you mean") else "see `metarl list tasks`"
        raise ValueError(f"there are no tasks named {name!r}: {hint}")
    return families[name]
