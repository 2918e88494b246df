"""Worlds of a user's family that return something else than they should."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from envs.contract import ContractError
from envs.core import Action, Space
from envs.rollout import rollout

N, T, E = 2, 3, 4
GOOD = (torch.zeros(N, E, 5), torch.zeros(N, E), torch.zeros(N, E, dtype=torch.bool))


class MyWorlds:
    """Two tasks, four episodes, whose steps give what a test says."""

    def __init__(self, start: Any, step: Any) -> None:
        self.start, self.given = start, step

    def reset(self, generator: torch.Generator) -> Tensor:
        return self.start  # type: ignore[no-any-return]

    def step(self, act: Tensor) -> Any:
        return self.given


def policy(obs: Tensor, generator: torch.Generator) -> Action:
    return Action(torch.zeros(N, E, 1), torch.zeros(N, E), torch.zeros(N, E, 1), torch.zeros(N, E, 1))


@pytest.mark.parametrize(
    ("start", "step", "sentence"),
    [
        (GOOD[0][0], GOOD, r"MyWorlds.reset returned a float32 tensor of shape \[4, 5\], expected .*\[2, 4, 5\]"),
        (GOOD[0].numpy(), GOOD, "MyWorlds.reset returned numpy.ndarray"),
        (GOOD[0], GOOD, r"MyWorlds.step returned tuple, expected \(obs, rew, terminated, diverged\)"),
        (GOOD[0], (GOOD[0], GOOD[1][..., None], GOOD[2], GOOD[2]), r"MyWorlds.step returned .*\[2, 4, 1\].*: rewards"),
        (GOOD[0], (GOOD[0], GOOD[1] * 1j, GOOD[2], GOOD[2]), "MyWorlds.step returned a complex64 .*: rewards"),
        (GOOD[0], (GOOD[0], GOOD[1], GOOD[1], GOOD[2]), "MyWorlds.step returned a float32 .*bool: terminated"),
        (GOOD[0], (GOOD[0], GOOD[1], GOOD[2], GOOD[2][0]), "MyWorlds.step returned a bool .*: diverged"),
        (GOOD[0], (GOOD[0][..., :4], GOOD[1], GOOD[2], GOOD[2]), "MyWorlds.step returned .*: observations"),
    ],
)
def test_what_worlds_return_is_checked_at_the_first_step(start: Any, step: Any, sentence: str) -> None:
    with pytest.raises(ContractError, match=sentence):
        rollout(MyWorlds(start, step), policy, Space(5, 1), (N, T, E), torch.Generator())


def test_good_worlds_pass() -> None:
    data = rollout(MyWorlds(GOOD[0], (*GOOD, GOOD[2])), policy, Space(5, 1), (N, T, E), torch.Generator())
    assert data.alive.all()
