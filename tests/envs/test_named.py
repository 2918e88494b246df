"""Every distribution by name: its draws, its splits, its registration."""

from __future__ import annotations

import pytest
import torch

from envs import named as families
from envs.classic.registry import CLASSIC
from envs.core import SPLITS

FEW, MANY = 2_000, 1_000_000


def draws_are_sound(name: str, count: int) -> None:
    """Every number in its range for its split, and no varying task shared between train and the unseen splits."""
    family = families.build_family(name, num_threads=1)
    sampled = {
        split: family.sample(count, split, torch.Generator().manual_seed(i))
        for i, split in enumerate(SPLITS)
        if split in family.splits()
    }
    for split, tasks in sampled.items():
        for variable in family.variables:
            column = tasks.column(variable.name)
            inside = torch.zeros(count, dtype=torch.bool)
            for low, high in variable.intervals(split):
                inside |= (column >= low) & (column <= high)
            assert inside.all(), (name, split, variable.name)
    continuous = [v.name for v in family.variables if any(low < high for low, high in v.train)]
    for key in continuous:
        for split in sampled.keys() - {"train"}:
            assert not torch.isin(sampled[split].column(key), sampled["train"].column(key)).any(), (name, split, key)
    if not continuous and "ood" in sampled:
        seen = {tuple(row) for row in sampled["train"].values.tolist()}
        assert not seen & {tuple(row) for row in sampled["ood"].values.tolist()}


@pytest.mark.parametrize("name", families.names())
def test_draws_lie_in_their_ranges_and_splits_share_nothing(name: str) -> None:
    draws_are_sound(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", families.names())
def test_a_million_draws_lie_in_their_ranges_and_splits_share_nothing(name: str) -> None:
    """Fewer for families with many variables: as many numbers as a million tasks of four."""
    numbers = len(families.build_family(name, num_threads=1).names)
    draws_are_sound(name, MANY if numbers <= 8 else 4 * MANY // numbers)


def test_the_same_seed_gives_these_tasks_everywhere() -> None:
    """Integers over 2^31 and an integer hash: these numbers are the same on every platform."""
    family = families.build_family("AntSlope", num_threads=1)
    row = family.sample(2, "test", torch.Generator().manual_seed(7)).values.tolist()[1]
    assert row == KNOWN


KNOWN = [-1.0, 5.4199107475578785, 116.40851749107242]


def test_every_robot_has_families_and_every_classic_is_listed() -> None:
    names = families.names()
    assert set(CLASSIC) < set(names)
    for robot in ("HalfCheetah", "Hopper", "Walker2d", "Swimmer", "Ant", "Humanoid", "Quadruped"):
        assert {f"{robot}{kind}" for kind in ("Direction", "Velocity", "Slope", "Dynamics", "Payload")} < set(names)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no tasks named 'AntSlop'"):
        families.build_family("AntSlop")
