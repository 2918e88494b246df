"""Velocity commands: forwards, sideways and turning, drawn anew within an episode."""

from __future__ import annotations

import torch
from torch import Tensor

from envs import rng
from envs.legged.defaults import Command


def sample_commands(command: Command, num_worlds: int, generator: torch.Generator) -> Tensor:
    """Commands [W, 3] (m/s, m/s, rad/s) on the device of the generator; some are to stand."""
    u = rng.uniform((num_worlds, 4), generator, dtype=torch.float64)
    ends = torch.tensor([command.forward, command.sideways, command.turn], dtype=torch.float64)
    low, high = ends.to(u.device).T
    drawn: Tensor = (low + (high - low) * u[:, :3]) * (u[:, 3:] >= command.standing)
    return drawn
