"""Recurrent cores against torch's own cells, with any leading axes."""

from __future__ import annotations

import pytest
import torch

from agents.memory import GRU, LRUA, LSTM, NTM, Core
from agents.memory.splagger import SplitMaxGRU
from agents.nn.cores import run

CORES: list[Core] = [
    LSTM(4, 6),
    GRU(4, 6),
    SplitMaxGRU(4, 6),
    NTM(4, 6, 5, 3, 2, 2),
    NTM(4, 6, 5, 3, 2, 2, "feedforward"),
    LRUA(4, 6, 5, 3, 2),
    LRUA(4, 6, 5, 3, 2, 0.9, "add", True),
]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_plain_cells_are_those_of_torch(kind: str) -> None:
    core = {"LSTM": LSTM, "GRU": GRU}[kind](4, 6)
    theta = core.init(generator())
    reference = getattr(torch.nn, kind)(4, 6)
    bias = theta["controller.bias"]
    with torch.no_grad():
        reference.weight_ih_l0.copy_(theta["controller.input"])
        reference.weight_hh_l0.copy_(theta["controller.recurrent"])
        reference.bias_ih_l0.copy_(bias)
        reference.bias_hh_l0.zero_()
        if kind == "GRU":
            reference.bias_hh_l0[12:] = theta["controller.recurrent_bias"]
    x = torch.randn(7, 4, generator=generator())
    torch.testing.assert_close(run(core, theta, core.initial_state(theta), x)[1], reference(x)[0])


@pytest.mark.parametrize("core", CORES, ids=lambda c: type(c).__name__)
def test_leading_axes_are_sequences_apart(core: Core) -> None:
    """Sequences at once, one by one, and under vmap: the same features, and a finite gradient for every weight."""
    theta = {k: v.requires_grad_() for k, v in core.init(generator()).items()}
    x = torch.randn(6, 3, 4, generator=generator())
    together = run(core, theta, core.initial_state(theta), x)[1]
    assert together.shape == (6, 3, core.dim)
    alone = torch.stack([run(core, theta, core.initial_state(theta), x[:, i])[1] for i in range(3)], 1)
    mapped = torch.func.vmap(lambda s: run(core, theta, core.initial_state(theta), s)[1], 1, 1)(x)
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together, mapped)
    together.square().sum().backward()
    for name, weight in theta.items():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def test_half_of_the_features_are_running_maxima() -> None:
    """Of a GRU with the same weights, from 0; in one call, in two, and step by step."""
    core, plain = SplitMaxGRU(4, 6), GRU(4, 6)
    theta = core.init(generator())
    x = torch.randn(9, 2, 4, generator=generator())
    h = run(plain, theta, plain.initial_state(theta), x)[1]
    largest = torch.stack([h[: t + 1, :, 3:].amax(0).clamp(min=0) for t in range(9)])
    expected = torch.cat([h[..., :3], largest], -1)
    assert (largest[:-1] > h[:-1, :, 3:]).any()
    for fused in (False, True):
        start = {k: v.expand(2, -1) for k, v in core.initial_state(theta).items()}
        torch.testing.assert_close(run(core, theta, start, x, fused)[1], expected)
        middle, first = run(core, theta, start, x[:5], fused)
        torch.testing.assert_close(torch.cat([first, run(core, theta, middle, x[5:], fused)[1]]), expected)
