"""Changes of the physics within an episode: a motor that fails, a load that is put on, ground that turns slippery.

A task says when (`event_s`) and what; until then the world has the neutral value.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from envs.core import Task
from envs.legged.defaults import NEUTRAL
from envs.simulation.params import Params


def before_event(task: Task) -> dict[str, Tensor]:
    """The numbers of every world before its event."""
    return {name: torch.full_like(x, NEUTRAL[name]) if name in NEUTRAL else x for name, x in task.items()}


class Events:
    """When the physics of each of `W` worlds changes, and to what.

    times: s, [W]. before, after: the fields that differ, [W, ...] each.
    """

    def __init__(self, times: Tensor, before: Params, after: Params, control_step: float) -> None:
        self.steps = (times / control_step).round().long()  # [W], on the CPU
        names = [name for name in after if not torch.equal(after[name], before[name])]
        self.before: Mapping[str, Tensor] = {name: before[name] for name in names}
        self.after: Mapping[str, Tensor] = {name: after[name] for name in names}
        self.happened = torch.zeros_like(self.steps, dtype=torch.bool)

    def due(self, elapsed: Tensor) -> Tensor:
        """The worlds whose event is now, after so many control steps [W] of their episodes, [W] bool."""
        return (elapsed.cpu() >= self.steps) & ~self.happened
