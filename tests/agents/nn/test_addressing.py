"""Addressing of an external memory against numbers derived by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.nn import addressing


def test_a_shift_moves_the_weights_round_the_circle() -> None:
    """All of the weight at 0, kernel (back 0.2, stay 0.3, on 0.5): 0.3 stays, 0.5 goes to 1, 0.2 to the last."""
    moved = addressing.shift(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.2, 0.3, 0.5]))
    assert moved.tolist() == pytest.approx([0.3, 0.5, 0, 0.2])


def test_sharpening_is_a_power_made_a_distribution_again() -> None:
    """(0.6, 0.4)^2 = 0.36, 0.16: their sum is 0.52."""
    sharp = addressing.sharpen(torch.tensor([0.6, 0.4]), torch.tensor(2.0))
    assert sharp.tolist() == pytest.approx([0.36 / 0.52, 0.16 / 0.52], abs=1e-6)


def test_content_is_found_by_cosine_and_strength() -> None:
    """Key (1, 0) and rows (2, 0), (0, 3): cosines 1 and 0, strength 2: e^2 : 1."""
    found = addressing.content_weights(
        torch.tensor([[1.0, 0]]), torch.tensor([2.0]), torch.tensor([[2.0, 0], [0, 3.0]])
    )
    assert found[0].tolist() == pytest.approx([np.e**2 / (np.e**2 + 1), 1 / (np.e**2 + 1)], abs=1e-6)


def test_writing_erases_and_then_adds() -> None:
    """Two heads at weights (1, 0) and (0.5, 0.5): rows keep (1 - w e) of each head, and get w a of each."""
    memory = torch.ones(2, 2)
    weights = torch.tensor([[1.0, 0], [0.5, 0.5]])
    erase, add = torch.tensor([[1.0, 0], [0, 1.0]]), torch.tensor([[3.0, 0], [0, 4.0]])
    assert addressing.write(memory, weights, erase, add).tolist() == [[3.0, 2.5], [1.0, 2.5]]


def test_the_least_used_are_those_and_no_derivative_passes() -> None:
    usage = torch.tensor([0.5, 0.1, 0.9, 0.2], requires_grad=True)
    free = addressing.least_used(usage, 2)
    assert free.tolist() == [0, 1, 0, 1]
    assert not free.requires_grad
