"""The families that every robot has: what each varies, and which robots can have it. Imports no torch.

Out-of-distribution ranges lie beyond the training ranges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from envs.ranges import Variable
from envs.robots.registry import RobotFacts

if TYPE_CHECKING:
    from envs.robots.robot import Robot

BOTH_WAYS = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))
FORWARDS = Variable("direction", ((1.0, 1.0),))
ANY_HEADING = Variable("heading_deg", ((0.0, 360.0),))
HORIZON = 200  # control steps; chosen: that of the PEARL and VariBAD task sets


class FamilyKind(NamedTuple):
    """One line of text, the variables for a robot, whether a robot can have this family, and whether the robot follows
    commands (`envs.legged`) in place of a goal.
    """

    text: str
    variables: Callable[[type[Robot]], tuple[Variable, ...]]
    fits: Callable[[RobotFacts], bool] = lambda facts: True
    commanded: bool = False


def _slope(robot: type[Robot]) -> tuple[Variable, ...]:
    factor = robot.slope_friction
    grip = () if factor is None else (Variable("friction", ((factor, factor),)),)
    if robot.is_planar():
        return BOTH_WAYS, Variable("slope_deg", ((-8.0, 8.0),), ((-14.0, -8.0), (8.0, 14.0))), *grip
    return (
        BOTH_WAYS,
        Variable("slope_deg", ((0.0, 8.0),), ((8.0, 14.0),)),
        Variable("slope_heading_deg", ((0.0, 360.0),)),
        *grip,
    )


def _terrain(name: str) -> FamilyKind:
    variables = (BOTH_WAYS, Variable(name, ((0.0, 0.6),), ((0.6, 1.0),)))
    text = f"both ways, {name.replace('_', ' ')} of difficulty 0 to 0.6; ood: to 1"
    return FamilyKind(text, lambda robot: variables, lambda facts: facts.touches_ground)


def _dynamics(robot: type[Robot]) -> tuple[Variable, ...]:
    inside, outside = ((0.7, 1.4),), ((0.5, 0.7), (1.4, 2.0))
    scales = tuple(Variable(n, inside, outside, spacing="log") for n in ("mass", "damping", "friction", "motor"))
    from envs.locomotion.checks import has_effect

    touches = robot.understood().anatomy.floor is not None and robot.height_index is not None
    return FORWARDS, *(s for s in scales if has_effect(robot, s.name) and (s.name != "friction" or touches))


def _crippled(robot: type[Robot]) -> tuple[Variable, ...]:
    *trained, last = range(len(robot.legs))
    return FORWARDS, Variable("crippled_leg", tuple((float(i), float(i)) for i in (-1, *trained)), ((last, last),))


def _moves_in_the_plane(facts: RobotFacts) -> bool:
    return not facts.is_planar


FAMILIES: dict[str, FamilyKind] = {
    "Direction": FamilyKind("forwards or backwards", lambda r: (BOTH_WAYS,)),
    "Heading": FamilyKind("any heading", lambda r: (ANY_HEADING,), _moves_in_the_plane),
    "Velocity": FamilyKind(
        "speeds 0 to 2 m/s; ood: to 3", lambda r: (Variable("velocity", ((0.0, 2.0),), ((2.0, 3.0),)),)
    ),
    "HeadingVelocity": FamilyKind(
        "speeds 0.5 to 1.5 m/s, any heading; ood: to 2 m/s",
        lambda r: (Variable("velocity", ((0.5, 1.5),), ((1.5, 2.0),)), ANY_HEADING),
        _moves_in_the_plane,
    ),
    "Goal": FamilyKind(
        "goal positions within 3 m; ood: to 5 m",
        lambda r: (
            Variable("goal_distance", ((0.0, 3.0),), ((3.0, 5.0),), spacing="area"),
            Variable("goal_heading_deg", ((0.0, 360.0),)),
        ),
        _moves_in_the_plane,
    ),
    "Slope": FamilyKind("both ways, slopes of up to 8 degrees; ood: to 14", _slope),
    "StairsUp": _terrain("stairs_up"),
    "StairsDown": _terrain("stairs_down"),
    "Obstacles": _terrain("obstacles"),
    "Gaps": _terrain("gaps"),
    "Patches": _terrain("patches"),
    "Rough": _terrain("rough"),
    "Hills": _terrain("hills"),
    "Dynamics": FamilyKind("mass, damping, friction, motors times 0.7 to 1.4; ood: 0.5 to 2", _dynamics),
    "Payload": FamilyKind(
        "a load of up to 0.3 times its mass; ood: to 0.5",
        lambda r: (FORWARDS, Variable("payload", ((0.0, 0.3),), ((0.3, 0.5),)), Variable("payload_x", ((-0.2, 0.2),))),
    ),
    "Crippled": FamilyKind(
        "one leg disabled, or none; ood: the last leg", _crippled, lambda facts: len(facts.legs) > 1
    ),
    "Command": FamilyKind(
        "follows commands of up to 1 m/s, with unknown friction, load and motors; ood: beyond",
        lambda r: (
            Variable("friction", ((0.5, 1.25),), ((0.2, 0.5),)),
            Variable("payload", ((0.0, 0.2),), ((0.2, 0.5),)),
            Variable("motor", ((0.8, 1.2),), ((0.5, 0.8),)),
        ),
        lambda facts: facts.touches_ground and not facts.is_planar,
        commanded=True,
    ),
    "Delay": FamilyKind(
        "actions delayed by up to 0.04 s; ood: to 0.08 s",
        lambda r: (FORWARDS, Variable("delay", ((0.0, 0.04),), ((0.04, 0.08),))),
    ),
}
