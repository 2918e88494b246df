"""Heading: run in a given direction of the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.variations.variation import Goal, Motion, Variation

if TYPE_CHECKING:
    from torch import Tensor

    from envs.core import Task


def unit_vector(degrees: Tensor) -> Tensor:
    """Unit vectors [W, 2] of headings [W] in degrees from +x."""
    import torch

    angle = torch.deg2rad(degrees)
    return torch.stack([angle.cos(), angle.sin()], 1)


def heading_reward(motion: Motion, task: Task) -> Tensor:
    """v . u (ProMP's two-dimensional ant, Rothfuss et al. 2019), [W] m/s."""
    return (motion.velocity * unit_vector(task["heading_deg"])).sum(1)


VARIATIONS = Variation(
    "heading_deg",
    "goal",
    "deg",
    -360,
    360,
    "run in this direction, measured from +x",
    needs=("plane",),
    goals=(Goal(frozenset({"heading_deg"}), heading_reward),),
)
