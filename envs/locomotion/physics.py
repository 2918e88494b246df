"""From the variables of a family to a model, and from the numbers of tasks to the physics of each world.

Every registered variation takes part through its hooks; see `envs.variations.variation`.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco

from envs.anatomy.anatomy import Anatomy
from envs.core import Task, Variable
from envs.locomotion.elements import count_entries, elements, factors
from envs.locomotion.used import spread, stock_values, used_values
from envs.robots.robot import Robot
from envs.simulation.params import Params
from envs.terrain.terrain import Terrain
from envs.variations.registry import VARIATIONS, base_name
from envs.variations.variation import Variation

UNUSED = "what it multiplies is 0, or is not used, in this model"


def prepare(spec: mujoco.MjSpec, variables: Iterable[Variable], robot: type[Robot]) -> None:
    """Add to a model what its variables need, such as the body of a payload."""
    highest = {v.name: max((high for _, high in v.train + v.ood), default=0.0) for v in variables}
    for name, variation in sorted(VARIATIONS.items().items(), key=lambda item: item[1].kind == "event"):
        if variation.prepare is not None and name in highest:
            variation.prepare(spec, max(highest[name], 0.0), robot)


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
    variations.sort(key=lambda v: v.kind == "event")  # which change what the others have set
    for variation in variations:
        _multiply(params, task, variation)
    for variation in variations:
        if variation.apply is not None and variation.name in task:
            variation.apply(params, task, robot)


def _multiply(params: Params, task: Task, variation: Variation) -> None:
    if variation.element is None or not variation.fields:
        return
    model = params.model
    named = elements(model, params.anatomy, variation.element)
    own = factors(task, variation.name, named, count_entries(model, variation.element), params.num_worlds)
    if variation.scale is not None:
        variation.scale(params, own)
        return
    for field in variation.fields:
        params.scale(field, own)


def split_elements(
    model: mujoco.MjModel, anatomy: Anatomy, variables: tuple[Variable, ...], *, published: bool = False
) -> tuple[Variable, ...]:
    """Variables with one for each element of the robot where `per_element` is set.

    published: of a published robot also the elements that nothing uses, such as rolling friction of contacts that do
    not roll: published distributions vary them too.

    Raises ValueError for an element that the model lacks, and for a number that two variables set.
    """
    out: list[Variable] = []
    for v in variables:
        variation = VARIATIONS.items().get(base_name(v.name))
        kind = variation.element if variation else None
        known = elements(model, anatomy, kind) if kind else {}
        if v.per_element and not kind:
            raise ValueError(f"{v.name} has no elements: leave per_element out")
        if ":" in v.name and kind and (element := v.name.partition(":")[2]) not in known:
            raise ValueError(f"{v.name}: this robot has no {kind} {element!r}, expected one of {', '.join(known)}")
        names = [v.name]
        if v.per_element and variation is not None:
            names = [f"{v.name}:{element}" for element in varying_elements(model, anatomy, variation, unused=published)]
            if not names:
                raise ValueError(f"{v.name} would change nothing: {UNUSED}")
        out += [v._replace(name=name, per_element=False) for name in names]
    names = [v.name for v in out]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} is given twice, by name and by per_element: give it once")
    return tuple(out)


def varying_elements(model: mujoco.MjModel, anatomy: Anatomy, variation: Variation, *, unused: bool) -> list[str]:
    """The elements on which a factor has an effect: part of the robot or its floor, not zero, and used; each once.

    unused: those that nothing uses too, as long as they are not zero.
    """
    kind, field = variation.element, variation.fields[0]
    assert kind is not None
    used = stock_values(model, field) if unused else used_values(model, field)
    named = elements(model, anatomy, kind)
    if kind == "motor":  # which have other names too
        named = {a.name: named[a.name] for a in anatomy.actuators}
    return [name for name, entries in named.items() if (spread(model, kind, field, entries) & used).any()]
