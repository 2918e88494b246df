"""The policy network: one task and many."""

from __future__ import annotations

import torch
from torch.func import vmap

from agents.nn.perceptrons import GaussianMLP


def test_many_tasks_at_once_equal_one_by_one(generator: torch.Generator) -> None:
    network = GaussianMLP(3, 2, hidden=(5, 4))
    params = [network.init(generator) for _ in range(4)]
    stacked = {k: torch.stack([p[k] for p in params]) for k in params[0]}
    x = torch.randn(4, 6, 2, 3, generator=generator)
    together = vmap(network)(stacked, x)
    for i, p in enumerate(params):
        assert torch.allclose(together.mean[i], network(p, x[i]).mean, atol=1e-6)
        assert together.log_std[i].shape == (6, 2, 2)


def test_it_is_the_perceptron_that_torch_would_build(generator: torch.Generator) -> None:
    network = GaussianMLP(3, 2, hidden=(5,), init_std=0.5)
    params = network.init(generator)
    x = torch.randn(7, 3, generator=generator)
    h = x @ params["layer0.weight"].T + params["layer0.bias"]
    expected = h.tanh() @ params["layer1.weight"].T + params["layer1.bias"]
    out = network(params, x)
    assert torch.allclose(out.mean, expected, atol=1e-6)
    assert torch.allclose(out.log_std.exp(), torch.full((7, 2), 0.5))
    assert params["layer0.bias"].eq(0).all()
