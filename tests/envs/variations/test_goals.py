"""Every goal's reward, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.variations.registry import goal_of
from envs.variations.variation import Motion

MOTION = Motion(position=torch.tensor([[1.0, -2.0]]), velocity=torch.tensor([[3.0, 4.0]]))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"direction": -1.0}, -3.0),
        ({"heading_deg": 90.0}, 4.0),
        ({"heading_deg": math.degrees(math.atan2(4, 3))}, 5.0),  # the heading of the motion: its speed
        ({"velocity": 1.0}, -2.0),
        ({"velocity": 5.0, "heading_deg": math.degrees(math.atan2(4, 3))}, 1.0),
        ({"velocity": 3.5, "heading_deg": 90.0}, math.exp(-(9 + 0.25) / 0.25)),
        ({"goal_x": 2.0, "goal_y": 1.0}, -4.0),
        ({"goal_distance": 2.0, "goal_heading_deg": 180.0}, -(3.0 + 2.0)),
    ],
)
def test_a_goal_gives_the_published_reward(task: dict[str, float], expected: float) -> None:
    goal = goal_of(task)
    columns = {name: torch.tensor([value]) for name, value in task.items()}
    assert goal.reward(MOTION, columns).item() == pytest.approx(expected, abs=1e-6)


def test_the_ants_reward_follows_its_torso(generator: torch.Generator) -> None:
    """v . u - 0.5 |a|^2 + 1, with the torso's own displacement over 0.05 s."""
    family = Locomotion("ant", (Variable("heading_deg", ((0.0, 360.0),)),), action_scale=1.0, num_threads=1)
    worlds = family.worlds(Tasks(("heading_deg",), torch.tensor([[30.0]], dtype=torch.float64)), 1)
    worlds.reset(generator)
    worlds.step(torch.zeros(1, 1, 8))
    before = worlds.sim.field("xpos")[0, 1].clone()
    _, rew, *_ = worlds.step(torch.full((1, 1, 8), 0.5))
    moved = (worlds.sim.field("xpos")[0, 1] - before) / 0.05
    along = moved[0] * math.cos(math.pi / 6) + moved[1] * math.sin(math.pi / 6)
    assert rew.item() == pytest.approx(along.item() - 0.5 * 8 * 0.25 + 1.0, abs=1e-9)
