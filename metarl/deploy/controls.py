"""What the actions of a robot's policy mean to its motors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from metarl.deploy.spaces import Controls

HALF = 0.5  # an action between hold and end, at which linearity is tried


def controls_of(family: Any) -> Controls | None:
    """The controls of MuJoCo for the actions -1, 0 and 1 of a family of robots.

    None of other families, and where a control is no piecewise linear function of its action alone.
    """
    if not hasattr(family, "robot"):
        return None
    from envs.simulation import BatchSimulator

    body = family.robot.body(BatchSimulator(family.model, 1, 1))
    tried = {at: _at(family, body, at) for at in (-1.0, -HALF, 0.0, HALF, 1.0)}
    found = Controls(tried[-1.0], tried[0.0], tried[1.0])
    ones = np.ones(family.model.nu)
    return found if all(np.allclose(found.of(at * ones), control) for at, control in tried.items()) else None


def _at(family: Any, body: Any, action: float) -> Any:
    act = torch.full((1, family.model.nu), action, dtype=body.qpos.dtype)
    return family.robot.control(body, act)[0].double().numpy().copy()
