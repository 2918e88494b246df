"""Distributions of tasks by name: a robot's own (`HalfCheetahSlope`), and the classic ones (`pearl-ant-goal`).

`FAMILIES` says what each of a robot's own varies. Out-of-distribution ranges lie beyond the training ranges.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

from envs.classic import DEFINITIONS, Definition, build_classic
from envs.classic.definition import ANY_HEADING, BOTH_WAYS, FORWARDS
from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from envs.robots import ROBOTS, HalfCheetah, Robot
from envs.variations.catalogue import CLASSIC

Family = Locomotion | PointNavigation
SEE = "see `metarl list tasks`"
HORIZON = 200  # chosen: that of the PEARL and VariBAD task sets


class Varies(NamedTuple):
    """What a robot's own family varies, in words and as variables."""

    text: str
    variables: Callable[[type[Robot]], tuple[Variable, ...]]
    fits: Callable[[type[Robot]], bool] = lambda robot: True


def _slope(robot: type[Robot]) -> tuple[Variable, ...]:
    slippery = issubclass(robot, HalfCheetah)  # with its stock friction of 0.4 it cannot climb the steeper slopes
    grip = (Variable("friction", ((1.75, 1.75),)),) if slippery else ()
    if robot.is_planar():
        return BOTH_WAYS, Variable("slope_deg", ((-8.0, 8.0),), ((-14.0, -8.0), (8.0, 14.0))), *grip
    return (
        BOTH_WAYS,
        Variable("slope_deg", ((0.0, 8.0),), ((8.0, 14.0),)),
        Variable("slope_heading_deg", ((0.0, 360.0),)),
    )


def _ground(name: str) -> Varies:
    variables = (BOTH_WAYS, Variable(name, ((0.0, 0.6),), ((0.6, 1.0),)))
    text = f"both ways, {name.replace('_', ' ')} of difficulty 0 to 0.6; ood: to 1"
    return Varies(text, lambda robot: variables, lambda robot: robot.height_index is not None)


def _dynamics(robot: type[Robot]) -> tuple[Variable, ...]:
    inside, outside = ((0.7, 1.4),), ((0.5, 0.7), (1.4, 2.0))
    scales = tuple(Variable(n, inside, outside, spacing="log") for n in ("mass", "damping", "friction", "motor"))
    return FORWARDS, *(s for s in scales if s.name != "friction" or robot.height_index is not None)


def _crippled(robot: type[Robot]) -> tuple[Variable, ...]:
    *trained, last = range(len(robot.legs))
    return FORWARDS, Variable("crippled_leg", tuple((float(i), float(i)) for i in (-1, *trained)), ((last, last),))


def _is_free(robot: type[Robot]) -> bool:
    return not robot.is_planar()


FAMILIES: dict[str, Varies] = {
    "Direction": Varies("forwards or backwards", lambda r: (BOTH_WAYS,)),
    "Heading": Varies("any heading", lambda r: (ANY_HEADING,), _is_free),
    "Velocity": Varies("speeds 0 to 2 m/s; ood: to 3", lambda r: (Variable("velocity", ((0.0, 2.0),), ((2.0, 3.0),)),)),
    "HeadingVelocity": Varies(
        "speeds 0.5 to 1.5 m/s, any heading; ood: to 2 m/s",
        lambda r: (Variable("velocity", ((0.5, 1.5),), ((1.5, 2.0),)), ANY_HEADING),
        _is_free,
    ),
    "Goal": Varies(
        "places within 3 m; ood: to 5 m",
        lambda r: (
            Variable("goal_distance", ((0.0, 3.0),), ((3.0, 5.0),), spacing="area"),
            Variable("goal_heading_deg", ((0.0, 360.0),)),
        ),
        _is_free,
    ),
    "Slope": Varies("both ways, slopes of up to 8 degrees; ood: to 14", _slope),
    "StairsUp": _ground("stairs_up"),
    "StairsDown": _ground("stairs_down"),
    "Obstacles": _ground("obstacles"),
    "Gaps": _ground("gaps"),
    "Rough": _ground("rough"),
    "Hills": _ground("hills"),
    "Dynamics": Varies("mass, damping, friction, motors times 0.7 to 1.4; ood: 0.5 to 2", _dynamics),
    "Payload": Varies(
        "a load of up to 0.3 times its mass; ood: to 0.5",
        lambda r: (FORWARDS, Variable("payload", ((0.0, 0.3),), ((0.3, 0.5),)), Variable("payload_x", ((-0.2, 0.2),))),
    ),
    "Crippled": Varies("one leg dead, or none; ood: the last leg", _crippled, lambda robot: len(robot.legs) > 1),
    "Delay": Varies(
        "actions late by up to 0.04 s; ood: to 0.08 s",
        lambda r: (FORWARDS, Variable("delay", ((0.0, 0.04),), ((0.04, 0.08),))),
    ),
}


def own_names() -> dict[str, tuple[str, str]]:
    """Every robot's own families by name: robot and kind of each."""
    return {
        f"{robot.__name__}{kind}": (name, kind)
        for name, robot in ROBOTS.items()
        for kind, varies in FAMILIES.items()
        if varies.fits(robot)
    }


def names() -> dict[str, str]:
    """Every distribution by name, with one line on it."""
    own = {name: f"{robot}: {FAMILIES[kind].text}" for name, (robot, kind) in own_names().items()}
    return own | CLASSIC


def build_family(name: str, **options: Any) -> Family:
    """A distribution by its name, with actions in [-1, 1] for a robot's own; options are those of `Locomotion`.

    Raises ValueError for a name that is not one of `names()`.
    """
    if name in CLASSIC:
        return build_classic(name, **options)
    if name not in own_names():
        close = get_close_matches(name, names(), n=1)
        raise ValueError(f"there are no tasks named {name!r}: {f'did you mean {close[0]}?' if close else SEE}")
    robot, kind = own_names()[name]
    return Locomotion(
        robot, FAMILIES[kind].variables(ROBOTS[robot]), **({"action_scale": 1.0, "horizon": HORIZON} | options)
    )


def horizon(name: str) -> int:
    """Control steps of an episode."""
    if name not in CLASSIC:
        return HORIZON
    definition = DEFINITIONS[name]
    return definition.horizon if isinstance(definition, Definition) else definition.arguments.get("horizon", 100)
