"""The point, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from envs.core import Action, Tasks
from envs.point import PointNavigation
from tests.envs.locomotion.policies import act_with


def test_the_best_point_policy_is_to_walk_straight(generator: torch.Generator) -> None:
    """Goal (0.35, -0.25): steps clipped to 0.1 per axis arrive after 4 steps; the return is computed by hand."""
    goal = torch.tensor([0.35, -0.25])

    def straight(obs: Tensor, generator: torch.Generator) -> Action:
        return act_with((goal - obs) * 10.0)

    family = PointNavigation(horizon=20)
    tasks = Tasks.from_json([{"goal_x": 0.35, "goal_y": -0.25}])
    rollouts = family.experience(tasks, straight, 1, generator)
    left = [(0.25, 0.15), (0.15, 0.05), (0.05, 0.0), (0.0, 0.0)]
    assert rollouts.returns.item() == pytest.approx(-sum((x * x + y * y) ** 0.5 for x, y in left), abs=1e-5)
    assert rollouts.alive.sum() == 4
    assert rollouts.terminated[0, 3, 0]
