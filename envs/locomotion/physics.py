"""From the variables of a family to a model, and from the numbers of tasks to the physics of each world.

Every registered variation takes part through its hooks; see `envs.variations.variation`.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco

from envs.core import Task, Variable
from envs.robots.robot import Robot
from envs.simulation.params import Params, elements, factors
from envs.terrain.terrain import PREFIX, Terrain
from envs.variations.registry import VARIATIONS, base_name
from envs.variations.variation import Variation


def prepare(spec: mujoco.MjSpec, variables: Iterable[Variable]) -> None:
    """Add to a model what its variables need, such as the body of a payload."""
    highest = {v.name: max((high for _, high in v.train + v.ood), default=0.0) for v in variables}
    for name, variation in VARIATIONS.items().items():
        if variation.prepare is not None and name in highest:
            variation.prepare(spec, max(highest[name], 0.0))


def make_terrain(names: set[str], robot: type[Robot]) -> Terrain | None:
    """The terrain of the variable that has one, or None."""
    for name, variation in VARIATIONS.items().items():
        if variation.terrain is not None and name in names:
            return variation.terrain(robot.is_planar())
    return None


def apply(params: Params, task: Task, robot: type[Robot]) -> None:
    """Write the physics of each world: first all factors, then what sets values."""
    mentioned = {base_name(name) for name in task}
    variations = [v for name, v in VARIATIONS.items().items() if name in mentioned]
    for variation in variations:
        _multiply(params, task, variation)
    for variation in variations:
        if variation.apply is not None and variation.name in task:
            variation.apply(params, task, robot)


def _multiply(params: Params, task: Task, variation: Variation) -> None:
    for field in variation.fields:
        assert variation.element is not None
        whole = variation.element in ("axis", "coefficient")  # these number the entries of a field, not its rows
        size = params[field][0].numel() if whole else params[field].shape[1]
        places = elements(params.model, variation.element)
        params.scale(field, factors(task, variation.name, places, size, params.num_worlds))


def split_elements(model: mujoco.MjModel, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Variables with one for each element of the robot where `per_element` is set.

    Raises ValueError for an element that the model lacks, and for a number that two variables set.
    """
    out: list[Variable] = []
    for v in variables:
        variation = VARIATIONS.items().get(base_name(v.name))
        kind = variation.element if variation else None
        known = elements(model, kind) if kind else {}
        if v.per_element and not kind:
            raise ValueError(f"{v.name} has no elements: leave per_element out")
        if ":" in v.name and kind and (element := v.name.partition(":")[2]) not in known:
            raise ValueError(f"{v.name}: this robot has no {kind} {element!r}, expected one of {', '.join(known)}")
        names = [v.name]
        if v.per_element and variation is not None:
            names = [f"{v.name}:{element}" for element in varying_elements(model, variation)]
        out += [v._replace(name=name, per_element=False) for name in names]
    names = [v.name for v in out]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} is given twice, by name and by per_element: give it once")
    return tuple(out)


def varying_elements(model: mujoco.MjModel, variation: Variation) -> list[str]:
    """The elements on which a factor has an effect: part of the robot or its floor, and not zero."""
    assert variation.element is not None
    stock = getattr(model, variation.fields[0])
    whole = variation.element in ("axis", "coefficient")
    stock = stock.reshape(-1) if whole else stock.reshape(len(stock), -1).any(1)
    added = (PREFIX, *(v.adds for v in VARIATIONS.items().values() if v.adds))
    own = {n: places for n, places in elements(model, variation.element).items() if not n.startswith(added)}
    return [n for n, places in own.items() if stock[places].any()]
