"""Variations by name, and the goals that they form."""

from __future__ import annotations

from collections.abc import Iterable

from envs.registry import Registry
from envs.variations.variation import Goal, Variation


class VariationRegistry(Registry[Variation]):
    """Every `VARIATIONS` (one `Variation`, or a tuple) of the modules of this folder and of plugins."""

    def __init__(self) -> None:
        super().__init__("variable", "envs.variations", "VARIATIONS", lambda v: v.name, "metarl.tasks", Variation)

    def describe(self) -> dict[str, str]:
        """Kind, text and unit of each, in one line."""
        return {
            name: f"{v.kind}: {v.text}" + (f" [{v.unit}]" if v.unit else "") for name, v in sorted(self.items().items())
        }


VARIATIONS = VariationRegistry()


def base_name(name: str) -> str:
    """`mass` of `mass:torso`."""
    return name.partition(":")[0]


def goals() -> dict[frozenset[str], Goal]:
    """Every goal, by the variables that it needs."""
    return {goal.names: goal for variation in VARIATIONS.items().values() for goal in variation.goals}


def goal_of(names: Iterable[str]) -> Goal:
    """The goal that some variables form. Raises ValueError unless there is exactly one."""
    variations = VARIATIONS.items()
    wanted = frozenset(n for n in names if n in variations and variations[n].kind == "goal")
    known = goals()
    if wanted not in known:
        listed = "; ".join(sorted(" with ".join(sorted(goal)) for goal in known))
        raise ValueError(f"expected exactly one goal ({listed}), but got {' with '.join(sorted(wanted)) or 'none'}")
    return known[wanted]
