"""Goal position by distance and heading from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.heading import unit_vector
from envs.variations.variation import Goal, Motion, Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.core import Task


def polar_reward(motion: Motion, task: Task) -> Tensor:
    """Minus the distance to the goal in the 1-norm (PEARL's ant, Rakelly et al. 2019), [W] m."""
    goal = task["goal_distance"][:, None] * unit_vector(task["goal_heading_deg"])
    return -(motion.position - goal).abs().sum(1)


VARIATIONS = (
    Variation(
        "goal_distance",
        "goal",
        "m",
        0,
        100,
        "go to this place: distance from the start",
        needs=("plane",),
        goals=(Goal(frozenset({"goal_distance", "goal_heading_deg"}), polar_reward),),
    ),
    Variation("goal_heading_deg", "goal", "deg", -360, 360, "go to this place: heading from +x", needs=("plane",)),
)
