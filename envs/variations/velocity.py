"""Velocity: run at a target speed, along x or along a heading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.heading import unit_vector
from envs.variations.variation import Goal, Motion, Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.core import Task

TRACKING = 0.25  # (m/s)^2, width of the tracking reward (Rudin et al. 2022, table of rewards)


def velocity_reward(motion: Motion, task: Task) -> Tensor:
    """-|v_x - target| (Finn et al. 2017, section 5.3), [W] m/s."""
    return -(motion.velocity[:, 0] - task["velocity"]).abs()


def tracking_reward(motion: Motion, task: Task) -> Tensor:
    """exp(-|v - target u|^2 / 0.25), in (0, 1] (Rudin et al. 2022), [W]."""
    target = task["velocity"][:, None] * unit_vector(task["heading_deg"])
    return (-(motion.velocity - target).square().sum(1) / TRACKING).exp()


VARIATIONS = Variation(
    "velocity",
    "goal",
    "m/s",
    -20,
    20,
    "run at this speed along x, or along heading_deg where that varies too",
    goals=(
        Goal(frozenset({"velocity"}), velocity_reward),
        Goal(frozenset({"velocity", "heading_deg"}), tracking_reward),
    ),
)
