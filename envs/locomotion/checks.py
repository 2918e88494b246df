"""Whether the variables of a family fit the robot and each other."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.anatomy import Anatomy
from envs.anatomy.floor import other_levels
from envs.anatomy.names import label
from envs.core import Variable
from envs.locomotion.elements import elements
from envs.locomotion.physics import UNUSED
from envs.locomotion.used import spread, used_values
from envs.registry import nearest
from envs.robots.robot import Robot
from envs.variations.registry import VARIATIONS, base_name
from envs.variations.variation import Need, Variation

MEETS: dict[Need, Callable[[type[Robot]], bool]] = {
    "plane": lambda robot: not robot.is_planar(),
    "floor": lambda robot: robot.understood().anatomy.floor is not None and robot.height_index is not None,
    "legs": lambda robot: bool(robot.legs),
}
LACKS: dict[Need, str] = {
    "plane": "{robot} only moves along x: {names} needs a robot that moves in the plane",
    "floor": "{robot} never touches the ground: {names} would change nothing",
    "legs": "{robot} has no legs: {names} needs a robot with the class attribute legs",
}


def check_fit(robot: type[Robot], names: set[str], *, own_reward: bool, events: bool = False) -> None:
    """Raise ValueError unless every name is known and has an effect on the robot.

    events: whether something may change within an episode. With a reward of its own a family may have any names, since
    that reward can use them.
    """
    variations = VARIATIONS.items()
    if not own_reward:
        for name in sorted(names):
            if base_name(name) not in variations:
                raise ValueError(f"there is no variable {name!r}: {nearest(base_name(name), variations)}")
    if not own_reward and not robot.understood().anatomy.position and robot.tells_stock_position():
        raise ValueError(
            f"{robot.__name__} is fixed to the world, or does not slide along +x, so that no goal moves it: give it a "
            "free joint, slide joints before those that turn, or a reward of your own, or override position"
        )
    given = {name: variations[base_name(name)] for name in sorted(names) if base_name(name) in variations}
    if not events and (changing := [name for name, v in given.items() if v.kind == "event"]):
        raise ValueError(f"{changing[0]} changes within an episode: that is for tasks of kind legged")
    if len(shaped := [name for name, v in given.items() if v.terrain is not None]) > 1:
        raise ValueError(f"expected at most one terrain with a shape, but got {', '.join(shaped)}: leave one out")
    floor = robot.understood().anatomy.floor
    if shaped and floor is not None and floor.kind(robot.understood().model) == "height field":
        raise ValueError(
            f"{shaped[0]} replaces the floor of {robot.__name__}, but its floor is a height field: use a plane"
        )
    if shaped:
        _check_one_floor(robot, shaped[0])
    for need, meets in MEETS.items():
        lacking = [name for name, v in given.items() if need in v.needs]
        if lacking and not meets(robot) and not (own_reward and need == "floor"):
            raise ValueError(LACKS[need].format(robot=robot.__name__, names=", ".join(lacking)))
    if not own_reward:
        _check_options(set(given))


def _check_one_floor(robot: type[Robot], terrain: str) -> None:
    """Raise ValueError where a second floor would stay where a terrain takes the first away."""
    own = robot.understood()
    qpos = own.model.qpos0 if own.pose.qpos is None else own.pose.qpos
    floor = own.anatomy.floor
    if floor is not None and (others := other_levels(own.model, qpos, own.anatomy.touched, floor)):
        names = [label(own.model, mujoco.mjtObj.mjOBJ_GEOM, geom, "geom") for geom in (floor.geom, others[0])]
        raise ValueError(
            f"{terrain} replaces the floor {names[0]}, but {robot.__name__} can also touch {names[1]}, at its height "
            "or below: leave that out, or let nothing touch it"
        )


def _check_options(names: set[str]) -> None:
    variations = VARIATIONS.items()
    for name in sorted(names):
        users = sorted(v.name for v in variations.values() if name in v.options)
        if users and not names & set(users):
            expected = users[0] if len(users) == 1 else f"one of {', '.join(users)}"
            raise ValueError(f"{name} has no effect on its own: vary {expected} too")


def check_limits(variables: tuple[Variable, ...], model: mujoco.MjModel, robot: type[Robot]) -> None:
    """Raise ValueError for a value outside the limits of its variation."""
    for v in variables:
        variation = VARIATIONS.items().get(base_name(v.name))
        if variation is None:
            continue
        low, high = variation.low, variation.high
        if variation.full_range and {(a, b) for a, b in v.train + v.ood if a < b} - {(low, high)}:
            raise ValueError(
                f"{v.name} has a range other than [{low:g}, {high:g}]: give the whole range, or choices; test tasks "
                "differ from training tasks in the whole range"
            )
        if variation.count is not None:
            high = variation.count(model, robot) - 1
        for end in sum(v.train + v.ood, ()):
            if not low <= end <= high:
                raise ValueError(f"{v.name} {end:g} lies outside [{low:g}, {high:g}] for {robot.__name__}")


def check_effects(
    variables: tuple[Variable, ...], model: mujoco.MjModel, anatomy: Anatomy, named: set[str] | None = None
) -> None:
    """Raise ValueError for a variable that changes nothing, and for several of which one repeats the others.

    named: those that were given by name, not by `per_element`; by default all.
    """
    columns: dict[str, dict[str, NDArray[np.bool_]]] = {}  # field -> variable -> the entries that it multiplies
    for v in variables:
        variation = VARIATIONS.items().get(base_name(v.name))
        if variation is None:
            continue
        if variation.idle is not None and (why := variation.idle(model, anatomy)):
            raise ValueError(f"{v.name} would change nothing: {why}")
        if variation.element is None or not variation.fields or v.per_element:
            continue
        entries = _multiplied(model, anatomy, variation, v.name)
        if entries is None:
            continue
        if not entries.any() and (named is None or v.name in named):
            raise ValueError(f"{v.name} would change nothing: {UNUSED}")
        if entries.any() and not v.is_constant:
            columns.setdefault(variation.fields[0], {})[v.name] = entries
    for given in columns.values():
        entries = np.stack(list(given.values()))
        disjoint = (entries.sum(0) <= 1).all()
        if not disjoint and np.linalg.matrix_rank(entries.astype(float)) < len(given):
            names = ", ".join(given)
            raise ValueError(
                f"{names} multiply the same numbers, so that one of them repeats the others: leave one out"
            )


def has_effect(robot: type[Robot], name: str) -> bool:
    """Whether a factor changes anything on a robot."""
    own = robot.understood()
    entries = _multiplied(own.model, own.anatomy, VARIATIONS[name], name)
    return entries is None or bool(entries.any())


def _multiplied(model: mujoco.MjModel, anatomy: Anatomy, variation: Variation, name: str) -> NDArray[np.bool_] | None:
    """The numbers that a variable multiplies and that have an effect; None for an unknown element."""
    assert variation.element is not None
    named = elements(model, anatomy, variation.element)
    element = name.partition(":")[2]
    if element and element not in named:
        return None
    chosen = named[element] if element else sorted({i for entries in named.values() for i in entries})
    field = variation.fields[0]
    return spread(model, variation.element, field, chosen) & used_values(model, field)
