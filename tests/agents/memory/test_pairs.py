"""Losses of pairs of embeddings, by hand; that of all pairs is tested with the meta networks that had it first."""

from __future__ import annotations

import math

import pytest
import torch

from agents.memory.pairs import pair_cross_entropy, sample_pairs


def test_the_cross_entropy_of_a_pair_is_that_of_a_weighted_distance() -> None:
    """|z1 - z2| = (3, 1), W = (-1, 1/2): log-odds -2.5; not alike log(1 + e^-2.5), alike 2.5 more."""
    first, second = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, -1.0]])
    weight = torch.tensor([-1.0, 0.5])
    unlike = math.log(1 + math.exp(-2.5))
    for same, expected in ((0.0, unlike), (1.0, unlike + 2.5)):
        assert pair_cross_entropy(first, second, torch.tensor([same]), weight).item() == pytest.approx(
            expected, abs=1e-6
        )
    twice = pair_cross_entropy(first.expand(2, 2), second.expand(2, 2), torch.tensor([0.0, 1.0]), weight)
    assert twice.item() == pytest.approx(2 * unlike + 2.5, abs=1e-6)


def test_pairs_are_different_and_no_more_than_there_are() -> None:
    pairs = sample_pairs(6, 10)
    assert pairs.shape == (10, 2)
    assert len({tuple(pair) for pair in pairs.tolist()}) == 10
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert torch.equal(pairs, sample_pairs(6, 10))
    assert sample_pairs(3, 10).shape == (3, 2)
    assert set(sample_pairs(6, 10).flatten().tolist()) == set(range(6))
