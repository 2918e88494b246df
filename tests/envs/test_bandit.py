"""Rewards of bandits, and their best return."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from envs.bandit import BernoulliBandit, best_return
from envs.core import Action, Tasks

FAMILY = BernoulliBandit(3, 400)


def pull(arm: int) -> object:
    def policy(obs: Tensor, generator: torch.Generator) -> Action:
        act = torch.zeros(*obs.shape[:2], 3)
        act[..., arm] = 1.0
        return Action(act, torch.zeros(obs.shape[:2]), act, act)

    return policy


def test_arms_pay_with_their_probabilities() -> None:
    tasks = Tasks(FAMILY.names, torch.tensor([[0.1, 0.5, 0.9], [1.0, 0.0, 0.3]], dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    for arm in range(3):
        data = FAMILY.experience(tasks, pull(arm), 50, generator)  # type: ignore[arg-type]
        assert set(data.rew.unique().tolist()) <= {0.0, 1.0}
        odds = data.rew.mean((1, 2))
        assert (odds - tasks.values[:, arm]).abs().max() < 4 * 0.5 / (400 * 50) ** 0.5
        assert data.alive.all()
        assert not data.obs.any()


def test_tasks_and_episodes_have_independent_random_numbers() -> None:
    tasks = Tasks(FAMILY.names, torch.full((2, 3), 0.5, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    a, b = (FAMILY.experience(tasks, pull(0), 2, generator).rew for _ in range(2))  # type: ignore[arg-type]
    assert not torch.equal(a, b)
    assert not torch.equal(a[0], a[1])
    assert not torch.equal(a[:, :, 0], a[:, :, 1])


def test_best_return_by_hand() -> None:
    """Two arms, two pulls: 1/2, then 2/3 after a win and 1/2 with the other arm after a loss."""
    assert best_return(2, 1) == 0.5
    assert abs(best_return(2, 2) - (0.5 + 0.5 * 2 / 3 + 0.5 * 0.5)) < 1e-12


def test_best_return_is_that_of_the_best_of_all_policies() -> None:
    """Two arms, three pulls: all policies that depend on the history, each with its exact expected return."""
    histories = [h for n in range(3) for h in itertools.product(((0, 0), (0, 1), (1, 0), (1, 1)), repeat=n)]

    def expected(policy: dict[tuple[tuple[int, int], ...], int], history: tuple[tuple[int, int], ...] = ()) -> float:
        if len(history) == 3:
            return 0.0
        arm = policy[history]
        won = sum(r for a, r in history if a == arm)
        pulled = sum(a == arm for a, _ in history)
        p = (won + 1) / (pulled + 2)
        return p * (1 + expected(policy, (*history, (arm, 1)))) + (1 - p) * expected(policy, (*history, (arm, 0)))

    reached = [h for h in histories if len(h) < 2]  # the last pull is greedy, which is optimal there
    best = 0.0
    for choices in itertools.product((0, 1), repeat=len(reached)):
        policy = dict(zip(reached, choices, strict=True))
        for h in histories:
            if len(h) == 2:
                odds = [(sum(r for a, r in h if a == i) + 1) / (sum(a == i for a, _ in h) + 2) for i in (0, 1)]
                policy[h] = int(odds[1] > odds[0])
        best = max(best, expected(policy))
    assert abs(best_return(2, 3) - best) < 1e-12


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="1 arms"):
        BernoulliBandit(1, 5)
