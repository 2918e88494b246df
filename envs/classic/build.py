"""All classic distributions in one table."""

from __future__ import annotations

from typing import Any

from envs.classic import grbal, pearl, promp, rllab
from envs.classic.definition import Definition, PointDefinition
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    **rllab.DEFINITIONS,
    **promp.DEFINITIONS,
    **pearl.DEFINITIONS,
    **grbal.DEFINITIONS,
}


def build_classic(name: str, **options: Any) -> Locomotion | PointNavigation:
    """A classic distribution by name; options are those of `Locomotion`, and replace the published ones."""
    return DEFINITIONS[name].make(**options)
