"""Every distribution by name: its draws, its splits, its registration."""

from __future__ import annotations

import math

import pytest
import torch

from envs import named as families
from envs.classic.registry import CLASSIC
from envs.core import SPLITS, Variable
from envs.variables import VariableSampler, parity_index

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
    """Of a family with very many numbers, fewer: as many numbers as a million tasks of four."""
    numbers = len(families.build_family(name, num_threads=1).names)
    draws_are_sound(name, MANY if numbers <= 8 else 4 * MANY // numbers)


def test_the_same_seed_gives_these_tasks_everywhere() -> None:
    """Integers over 2^31 and an integer hash: these numbers were written down once and hold on every platform."""
    family = families.build_family("AntSlope", num_threads=1)
    row = family.sample(2, "test", torch.Generator().manual_seed(7)).values.tolist()[1]
    assert row == KNOWN


KNOWN = [-1.0, 5.4199107475578785, 116.40851749107242]


def test_a_logarithmic_law_is_uniform_in_the_logarithm(generator: torch.Generator) -> None:
    """1.5^U(-3, 3): the logarithm's mean is 0 and its variance (6 ln 1.5)^2 / 12."""
    width = 6 * math.log(1.5)
    varied = VariableSampler((Variable("mass", ((1.5**-3, 1.5**3),), spacing="log"),))
    logs = varied.sample(200_000, "train", generator).column("mass").log()
    assert logs.mean().abs() < 0.01
    assert logs.var().item() == pytest.approx(width**2 / 12, rel=0.01)


def test_an_area_law_is_uniform_over_the_disc(generator: torch.Generator) -> None:
    """3 sqrt(U): a quarter of the draws lie within half the radius."""
    varied = VariableSampler((Variable("goal_distance", ((0.0, 3.0),), ((3.0, 5.0),), spacing="area"),))
    inside = varied.sample(200_000, "train", generator).column("goal_distance") < 1.5
    assert inside.double().mean().item() == pytest.approx(0.25, abs=0.005)
    assert varied.sample(1000, "ood", generator).column("goal_distance").min() >= 3.0


def test_layouts_of_training_and_testing_are_different_things(generator: torch.Generator) -> None:
    varied = VariableSampler((Variable("layout", ((0.0, 1.0),)),))
    train, test = (varied.sample(500, s, generator).column("layout") for s in ("train", "test"))
    assert set(parity_index(train, 8).tolist()) == {0, 2, 4, 6}
    assert set(parity_index(test, 8).tolist()) == {1, 3, 5, 7}


def test_every_body_has_families_and_every_classic_is_there() -> None:
    names = families.names()
    assert set(CLASSIC) < set(names)
    for robot in ("HalfCheetah", "Hopper", "Walker2d", "Swimmer", "Ant", "Humanoid", "Quadruped"):
        assert {f"{robot}{kind}" for kind in ("Direction", "Velocity", "Slope", "Dynamics", "Payload")} < set(names)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no tasks named 'AntSlop'"):
        families.build_family("AntSlop")
