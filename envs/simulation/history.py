"""Where delayed motors keep their past controls."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor


def past_controls(model: mujoco.MjModel) -> tuple[Tensor, Tensor]:
    """The entries of `history` that are past controls, and the motor of each, both [n].

    The part of a motor with `m` samples is two counters, `m` times and `m` controls; motors without a delay have none.
    """
    entries: list[int] = []
    motors: list[int] = []
    for motor, (start, samples) in enumerate(
        zip(model.actuator_historyadr.tolist(), model.actuator_history[:, 0].tolist(), strict=True)
    ):
        if start >= 0:
            entries += range(start + 2 + samples, start + 2 + 2 * samples)
            motors += [motor] * samples
    return torch.tensor(entries, dtype=torch.long), torch.tensor(motors, dtype=torch.long)
