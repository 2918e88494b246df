"""Networks that map gradients to weights, against numbers derived by hand and torch's LSTM."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from agents.learner import Params
from agents.memory import MetaNet, conv_network, identity_head
from agents.nn.gradient_readers import init_d, log_and_sign, run_d, run_m
from agents.objectives import cross_entropy

WAY, SIZE = 3, 8
IMAGES = conv_network(WAY, channels=2, blocks=2, image=(1, SIZE))
CLASSIFIER: MetaNet[Tensor] = MetaNet(IMAGES, IMAGES, identity_head, cross_entropy, cross_entropy, WAY, hidden=4)


def double(theta: Params) -> Params:
    """In float64, with biases and slow weights that are nowhere zero."""
    noise = torch.Generator().manual_seed(9)
    return {k: v.double() + 0.1 * torch.randn(v.shape, generator=noise, dtype=torch.float64) for k, v in theta.items()}


def test_log_and_sign_on_both_of_its_branches() -> None:
    """k = 2: of e^-1 and -e^3 (log|g| / 2, sign); of -e^-3 (-1, -e^-1); of 0 (-1, 0); at e^-2 both are the same."""
    seen = log_and_sign(torch.tensor([math.exp(-1), -math.exp(3), -math.exp(-3), 0.0, math.exp(-2)]), 2.0)
    assert seen[0].tolist() == pytest.approx([-0.5, 1.5, -1.0, -1.0, -1.0], abs=1e-6)
    assert seen[1].tolist() == pytest.approx([1.0, -1.0, -math.exp(-1), 0.0, 1.0], abs=1e-6)


def test_no_gradient_makes_no_weight_at_the_start(generator: torch.Generator) -> None:
    """With all weights of one sign a fast branch would be silent for ever."""
    nothing = torch.zeros(5, 9)
    theta = CLASSIFIER.init(generator)
    assert run_m(theta, "m.conv", log_and_sign(nothing, 7.0)).abs().max() < 1e-7
    assert run_d(theta, "d.conv", log_and_sign(nothing, 7.0)).abs().max() < 1e-7


def test_d_is_torchs_lstm_with_the_last_output_made_one_number(generator: torch.Generator) -> None:
    theta = double(init_d("d", 6, 5, 1.0, generator))
    theirs = torch.nn.LSTM(2, 6, dtype=torch.float64)
    theirs.weight_ih_l0.data.copy_(theta["d.input"])
    theirs.weight_hh_l0.data.copy_(theta["d.recurrent"])
    theirs.bias_ih_l0.data.copy_(theta["d.bias"])
    theirs.bias_hh_l0.data.zero_()
    seen = torch.randn(2, 5, 11, generator=generator, dtype=torch.float64)  # [2, T, P]
    outputs, _ = theirs(seen.permute(1, 2, 0))  # [T, P, H]
    expected = outputs[-1] @ theta["d.weight0"][0] + theta["d.bias0"]
    assert torch.allclose(run_d(theta, "d", seen), expected, atol=1e-12)
