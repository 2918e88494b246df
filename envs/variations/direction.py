"""Direction: run forwards or backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Goal, Motion, Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.core import Task


def direction_reward(motion: Motion, task: Task) -> Tensor:
    """direction * v_x (Finn et al. 2017, section 5.3), [W] m/s."""
    return task["direction"] * motion.velocity[:, 0]


VARIATIONS = Variation(
    "direction",
    "goal",
    "",
    -1,
    1,
    "run along x: forwards (1) or backwards (-1)",
    whole=True,
    goals=(Goal(frozenset({"direction"}), direction_reward),),
)
