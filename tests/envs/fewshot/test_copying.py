"""Copying tasks: sequences, repeated copies and splits."""

from __future__ import annotations

import pytest
import torch

from envs.fewshot.copying import Copying


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_copying_shows_the_sequence_then_its_end_and_wants_it_back() -> None:
    family = Copying((3, 3), bits=4)
    tasks = family.sample(5, "train", generator())
    support, query = family.examples(tasks)
    assert support.x.shape == (5, 4, 5)
    assert query.y.shape == (5, 3, 4)
    assert torch.equal(support.x[:, :3, :4], query.y)
    assert support.x[:, :, 4].tolist() == [[0, 0, 0, 1]] * 5
    assert support.x[:, 3, :4].sum() == 0
    assert query.x.sum() == 0
    assert 0.2 < query.y.mean() < 0.8
    assert not torch.equal(query.y[0], query.y[1])


def test_repeated_copies_end_with_a_mark() -> None:
    """Three copies of a range of one to three: told as (3 - 2) / sqrt(2/3), and seven steps for two vectors."""
    family = Copying((2, 2), (1, 3), bits=4)
    tasks = family.sample(1, "test", generator())
    tasks.values[:, 1] = 3
    support, query = family.examples(tasks)
    assert support.x[0, 2, 5].item() == pytest.approx((2 / 3) ** -0.5)
    assert query.y.shape == (1, 7, 5)
    assert torch.equal(query.y[0, :2, :4], query.y[0, 4:6, :4])
    assert query.y[0, :, 4].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert query.y[0, 6, :4].sum() == 0


def test_sequences_of_two_splits_differ_and_a_batch_has_one_length() -> None:
    family = Copying()
    train, test = (family.sample(200, split, generator()) for split in family.splits())
    assert not set(train.column("bits").tolist()) & set(test.column("bits").tolist())
    train.values[0, 0] += 1
    with pytest.raises(ValueError, match="different lengths or repeats in one batch: sample them separately"):
        family.examples(train)
    with pytest.raises(ValueError, match="low"):
        Copying((5, 2))
