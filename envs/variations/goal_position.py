"""Goal position: go to a place (x, y) and stay there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Goal, Motion, Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.core import Task


def position_reward(motion: Motion, task: Task) -> Tensor:
    """Minus the distance to the goal in the 1-norm (PEARL's ant, Rakelly et al. 2019), [W] m."""
    import torch

    goal = torch.stack([task["goal_x"], task["goal_y"]], 1)
    return -(motion.position - goal).abs().sum(1)


VARIATIONS = (
    Variation(
        "goal_x",
        "goal",
        "m",
        -100,
        100,
        "go to this place: x from the start",
        needs=("plane",),
        goals=(Goal(frozenset({"goal_x", "goal_y"}), position_reward),),
    ),
    Variation("goal_y", "goal", "m", -100, 100, "go to this place: y from the start", needs=("plane",)),
)
