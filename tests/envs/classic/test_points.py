"""Published points, by hand."""

from __future__ import annotations

import pytest
import torch

from envs.core import Tasks
from envs.named import build_family
from envs.point import PointNavigation, PointWorlds


def points_of(name: str, goal: dict[str, float], place: tuple[float, float]) -> PointWorlds:
    family = build_family(name)
    assert isinstance(family, PointNavigation)
    worlds = family.worlds(Tasks.from_json([goal]), 1)
    worlds.position = torch.tensor([[place]])
    return worlds


UP = {"goal_distance": 1.0, "goal_heading_deg": 90.0}


MOVES = [  # goal, place, action in policy units, published reward, by hand
    ("rllab-point", {"goal_x": 0.3, "goal_y": 0.4}, (0, 0), (0, 5), -((0.3**2 + 0.3**2) ** 0.5)),
    ("pearl-point", {"goal_x": 1, "goal_y": 0}, (0, 0), (1, 0), -0.9),
    ("pearl-point-sparse", UP, (0, 0.75), (0, 1), 0.85),
    ("pearl-point-sparse", UP, (0, 0.65), (0, 1), 0.0),
    ("varibad-point", UP, (0, 0.65), (0, 1), -0.25),
    ("varibad-point-sparse", UP, (0, 0.75), (0, 9), 0.85),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0.4, 0.4), (10, 10), 0.2 * 2**0.5),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0.8, 0.8), (-5, -5), -0.1 * 2**0.5),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0, 0), (10, 10), 0.0),  # |x|_1 = 0.4: the middle
    ("promp-point-corner", {"goal_x": 2, "goal_y": -2}, (0.4, 0.4), (10, 10), 0.0),  # another corner is nearer
    ("promp-point-corner-dense", {"goal_x": 2, "goal_y": 2}, (0, 0), (99, 99), -1.8 * 2**0.5),
]


@pytest.mark.parametrize(("name", "goal", "place", "act", "reward"), MOVES)
def test_a_point_gets_the_published_reward(
    name: str, goal: dict[str, float], place: tuple[float, float], act: tuple[float, float], reward: float
) -> None:
    _, rew, ended, _ = points_of(name, goal, place).step(torch.tensor([[act]], dtype=torch.float64))
    assert rew.item() == pytest.approx(reward, abs=1e-6)
    assert not ended.item()


def test_points_start_and_stop_at_the_published_positions() -> None:
    """Starts within +-1 (PEARL) and +-0.2 (ProMP), else 0; only MAML's stops, within 0.01 of the goal on both axes."""
    for name, half in (
        ("pearl-point", 1.0),
        ("promp-point-corner", 0.2),
        ("pearl-point-sparse", 0),
        ("rllab-point", 0),
    ):
        family = build_family(name)
        tasks = family.sample(500, "train", torch.Generator().manual_seed(0))
        start = family.worlds(tasks, 1).reset(torch.Generator().manual_seed(0))
        assert start.std().item() == pytest.approx(half / 3**0.5, rel=0.05)
        assert start.abs().max() <= half
    for place, stops in (((0.309, 0.391), True), ((0.311, 0.4), False)):
        worlds = points_of("rllab-point", {"goal_x": 0.3, "goal_y": 0.4}, place)
        assert worlds.step(torch.zeros(1, 1, 2))[2].item() is stops
