"""Layer augmentation and fast weights for each row, against loops and numbers derived by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from agents.memory import conv_network, dense_network
from agents.nn.fast_weights import Conv, Dense, each, mixed, shared


@pytest.mark.parametrize("layer", [Conv(2, 3), Dense(4, 3, bias=False), Dense(4, 3, bias=True)])
def test_every_row_gets_its_own_mean_of_the_memory(layer: Conv | Dense, generator: torch.Generator) -> None:
    """Mixed weights, or mixed results: sum_i a_i (W_i x) = (sum_i a_i W_i) x, row by row in a loop."""
    weights = torch.randn(4, *layer.shape, generator=generator, dtype=torch.float64)
    shape = (6, 2, 5, 5) if isinstance(layer, Conv) else (6, 4)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    attention = torch.rand(6, 4, generator=generator, dtype=torch.float64)
    got = mixed({"w": weights}, attention)("w", layer, x)
    for q in range(6):
        own = sum((a * w for a, w in zip(attention[q], weights, strict=True)), torch.zeros_like(weights[0]))
        assert torch.allclose(got[q], layer.shared(own, x[q : q + 1])[0], atol=1e-12)
        results = [a * layer.shared(w, x[q : q + 1])[0] for a, w in zip(attention[q], weights, strict=True)]
        assert torch.allclose(got[q], torch.stack(results).sum(0), atol=1e-12)


def test_a_weight_a_row_is_row_by_row(generator: torch.Generator) -> None:
    for layer, shape in ((Conv(2, 3), (4, 2, 5, 5)), (Dense(4, 3, bias=True), (4, 7, 4))):
        weights, x = torch.randn(4, *layer.shape, generator=generator), torch.randn(shape, generator=generator)
        got = each({"w": weights})("w", layer, x)
        for q in range(4):
            assert torch.allclose(got[q], layer.shared(weights[q], x[q : q + 1])[0], atol=1e-5)


def test_a_bias_is_the_weight_of_a_one() -> None:
    assert Dense(2, 1, bias=True).shared(torch.tensor([[2.0, 3.0, 5.0]]), torch.tensor([[1.0, 10.0]])).item() == 37.0


def test_slow_and_fast_branches_pass_their_own_relu_and_meet() -> None:
    """1-1-1 without biases, x = 2: hidden relu(2 * 1) + relu(2 * 3) = 8, not relu(2 * -2) = 0; out 8 * (1 + 0.5)."""
    network = dense_network(1, 1, (1,))
    slow, fast = (
        {"dense0": torch.tensor([[w, 0.0]]), "dense1": torch.tensor([[v, 0.0]])} for w, v in ((1, 1), (3, 0.5))
    )
    x = torch.tensor([[2.0]])
    assert network(x, shared(slow), shared(fast)).item() == 12.0
    fast["dense0"] = torch.tensor([[-2.0, 0.0]])
    assert network(x, shared(slow), shared(fast)).item() == 3.0  # 2 * 1.5: relu(2) + relu(-4), not relu(2 - 4)
    assert network.key(x, shared(slow), shared(fast)).item() == -2.0  # before any ReLU


def test_every_layer_is_augmented_and_not_only_the_last_hidden_one(generator: torch.Generator) -> None:
    """With fast weights that are the slow ones turned round, relu(x) + relu(-x) = |x|, where relu(x - x) = 0."""
    network = conv_network(2, channels=3, blocks=1, image=(1, 4))
    slow = network.init(generator)
    turned = {k: -v if k == "conv0" else v for k, v in slow.items()}
    x = torch.randn(2, 1, 4, 4, generator=generator)
    seen = F.max_pool2d(F.conv2d(x, slow["conv0"], padding=1).abs(), 2).flatten(1)
    assert torch.allclose(network.key(x, shared(slow), shared(turned)), 2 * seen @ slow["dense0"].T, atol=1e-5)
    deep = dense_network(1, 1, (1, 1))
    one, minus = ({f"dense{i}": torch.tensor([[w, 0.0]]) for i, w in enumerate((first, 1.0, 1.0))} for first in (1, -1))
    assert deep.key(torch.tensor([[3.0]]), shared(one), shared(minus)).item() == 6.0  # (|3| as it is, twice)


def test_images_shrink_to_one_pixel_and_no_layer_has_a_bias() -> None:
    """28, 14, 7, 4, 2, 1: rounded up, as in the authors' code."""
    network = conv_network(5, channels=4)
    assert [layer.shape for layer in network.denses] == [(4, 4), (5, 4)]
    weights = network.init(torch.Generator().manual_seed(0))
    assert network(torch.zeros(2, 1, 28, 28), shared(weights)).abs().max() == 0
    assert network.key(torch.rand(2, 1, 28, 28), shared(weights)).shape == (2, 4)
