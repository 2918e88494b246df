"""States of two worlds in which everything is at rest, to be changed in tests."""

from __future__ import annotations

from typing import Any

import torch

from envs.legged.state import LeggedState


def state(**changed: Any) -> LeggedState:
    """Two worlds, three joints and motors, two feet."""
    zero = {name: torch.zeros(2, 3, dtype=torch.float64) for name in LeggedState._fields}
    zero |= {name: torch.zeros(2, 2, dtype=torch.float64) for name in ("air_time", "foot_speed", "foot_lift")}
    zero |= {name: torch.zeros(2, 2, dtype=torch.bool) for name in ("contact", "landed")}
    zero |= {"collisions": torch.zeros(2), "fallen": torch.zeros(2, dtype=torch.bool)}
    given = {name: torch.as_tensor(value) for name, value in changed.items()}
    return LeggedState(**(zero | {k: v if v.dtype == torch.bool else v.double() for k, v in given.items()}))
