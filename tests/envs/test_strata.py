"""Choices of judged tasks: how many a set shows, and how often each."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from envs.core import Variable
from envs.strata import Strata
from envs.variables import VariableSampler


def choices(name: str, count: int) -> Variable:
    return Variable(name, tuple((float(i), float(i)) for i in range(count)))


DIRECTION, LEG, LOAD = choices("direction", 2), choices("leg", 5), choices("load", 3)
SLOPE = Variable("slope", ((-8.0, 8.0),), ((-14.0, -8.0), (8.0, 14.0)))
FAMILY = VariableSampler((DIRECTION, SLOPE, LEG, LOAD))


@pytest.mark.parametrize("split", ["test", "ood"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10, 13, 30, 61])
def test_a_set_shows_as_many_choices_and_combinations_as_it_can(n: int, split: str) -> None:
    """n tasks show min(n, choices) of every variable, each floor(n / k) or more times, and all combinations of the
    first ones where they are at most n.
    """
    for seed in range(20):
        tasks = FAMILY.sample(n, split, torch.Generator().manual_seed(seed))
        for variable in (DIRECTION, LEG, LOAD):
            counts = tasks.column(variable.name).unique(return_counts=True)[1]
            k = len(variable.train)
            assert len(counts) == min(n, k)
            assert counts.max() - (counts.min() if n >= k else 1) <= 1
        below = tasks.column("slope") < 0
        if split == "ood" and n > 1:
            assert 0 < below.sum() < n
        names, total = ["direction", "leg", "load"], 30 * (2 if split == "ood" else 1)
        if n >= total:
            seen = set(zip(*(tasks.column(name).tolist() for name in names), strict=True))
            assert seen == set(itertools.product(*(map(float, range(k)) for k in (2, 5, 3))))


def test_every_choice_is_as_likely_as_its_weight() -> None:
    """Intervals of lengths 1, 2, 5: of three tasks each shows them 3/8, 6/8 and 15/8 times on average."""
    generator, weights = torch.Generator().manual_seed(0), torch.tensor([1.0, 2.0, 5.0])
    draws = torch.stack([Strata(3, generator).assign(weights) for _ in range(8000)])  # [8000, 3]
    for i, weight in enumerate(weights):
        sigma = math.sqrt(0.25 / 8000)
        assert ((draws == i).double().mean(0) - weight / 8).abs().max() < 4 * sigma


def test_later_variables_are_independent_of_earlier_ones() -> None:
    """Two choices, twice, for two tasks: all four pairs of the first task are equally likely."""
    generator, two, pairs = torch.Generator().manual_seed(0), torch.ones(2), torch.zeros(2, 2)
    for _ in range(4000):
        strata = Strata(2, generator)
        pairs[strata.assign(two)[0], strata.assign(two)[0]] += 1
    assert (pairs / 4000 - 0.25).abs().max() < 0.03


def test_the_same_seed_draws_the_same_tasks() -> None:
    one, again, other = (FAMILY.sample(9, "test", torch.Generator().manual_seed(s)).values for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_training_tasks_are_drawn_independently() -> None:
    """As they always were: four draws of two directions are all the same in an eighth of the sets."""
    same = 0
    for seed in range(2000):
        column = FAMILY.sample(4, "train", torch.Generator().manual_seed(seed)).column("direction")
        same += int(column.min() == column.max())
    assert abs(same / 2000 - 0.125) < 0.03
