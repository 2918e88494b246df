"""What a variation is: a number that may differ between tasks, its limits, and the functions that put it into effect.

Modules of this folder import neither torch nor mujoco, so that variations can be listed and their limits checked at
once; their functions import what they need when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import mujoco
    from torch import Tensor

    from envs.anatomy.anatomy import Anatomy
    from envs.core import Task
    from envs.robots.robot import Robot
    from envs.simulation.params import Params
    from envs.terrain.terrain import Terrain

Kind = Literal["goal", "terrain", "dynamics", "event"]
Element = Literal["body", "axis", "joint", "geom", "coefficient", "motor"]
Need = Literal["plane", "floor", "legs"]


class Motion(NamedTuple):
    """Where a robot is and how it moved in one control step. Planar robots have x only."""

    position: Tensor  # [W, 1 or 2] m
    velocity: Tensor  # [W, 1 or 2] m/s


Reward: TypeAlias = "Callable[[Motion, Task], Tensor]"
"""How each robot moved and the numbers of its task, each [W] -> reward [W]."""


class Goal(NamedTuple):
    """A reward, and the variables whose numbers it needs; a task has exactly one goal."""

    names: frozenset[str]
    reward: Reward


@dataclass(frozen=True, slots=True)
class Variation:
    """A number that a task may fix.

    unit: `m`, `deg`, ...; empty for factors and counts. low, high: limits of its value. text: what it does, in one
    line. element: the elements of the robot that may each have a separate value, as in `mass:torso`. whole: whether it
    is a whole number, which has to be given as choices.
    needs: what the robot must have: `plane`, it moves in x and y; `floor`, it touches the ground; `legs`.
    options: names of variations that only qualify this one, and do nothing without it.
    full_range: a range has to be the whole of [low, high].
    count: how many things it numbers, for a model and its robot: values are then -1 (none) to count - 1.

    Event: it takes effect within the episode, see `envs.legged.events`.
    Goal: goals: rewards in which it takes part.
    Terrain: terrain: makes the ground with this shape, given whether the robot is planar.
    Dynamics, event: fields: model fields that it multiplies, elementwise if `element` is set. scale: does that instead,
        given the factor of every entry, [W, entries] (`envs.locomotion.elements`). prepare: edits the model before it
        is compiled, given the largest value of the variable and the robot. apply: writes the parameters of each world,
        after all factors were multiplied. idle: why it has no effect on a model, or None.
    """

    name: str
    kind: Kind
    unit: str
    low: float
    high: float
    text: str
    element: Element | None = None
    whole: bool = False
    needs: tuple[Need, ...] = ()
    options: tuple[str, ...] = ()
    full_range: bool = False
    count: Callable[[mujoco.MjModel, type[Robot]], int] | None = None
    goals: tuple[Goal, ...] = ()
    terrain: Callable[[bool], Terrain] | None = None
    fields: tuple[str, ...] = ()
    scale: Callable[[Params, Tensor], None] | None = None
    prepare: Callable[[mujoco.MjSpec, float, type[Robot]], None] | None = None
    apply: Callable[[Params, Task, type[Robot]], None] | None = None
    idle: Callable[[mujoco.MjModel, Anatomy], str | None] | None = None
