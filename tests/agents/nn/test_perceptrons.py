"""The policy network: one task and many."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.func import vmap

from agents.network_settings import PolicySettings
from agents.nn.perceptrons import GaussianMLP
from envs.core import Space


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


def test_actions_keep_their_smallest_standard_deviation(generator: torch.Generator) -> None:
    network = GaussianMLP(3, 2, hidden=(5,), init_std=0.5, min_std=0.1)
    params = network.init(generator) | {"log_std": torch.tensor([0.02, 0.3]).log()}
    assert torch.allclose(network(params, torch.randn(3)).log_std.exp(), torch.tensor([0.1, 0.3]))


@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_the_gain_of_the_last_layer_scales_the_first_actions(discrete: bool, generator: torch.Generator) -> None:
    """Mean actions, or logits, are so many times those of a gain of 1; all other weights are the same."""
    space = Space(3, 2, discrete=discrete)
    x = torch.randn(7, 3, generator=generator)
    outputs, weights = [], []
    for gain in (1.0, 0.25):
        network = PolicySettings(hidden=(5,), last_gain=gain).build(3, space)
        params = network.init(torch.Generator().manual_seed(1))
        outputs.append(network(params, x).mean)
        weights.append(params)
    assert torch.allclose(outputs[1], 0.25 * outputs[0])
    assert outputs[0].abs().max() > 0.1
    changed = [k for k in weights[0] if not torch.equal(weights[0][k], weights[1][k])]
    assert changed == ["layer1.weight"]


def test_by_default_a_policy_starts_near_action_0_in_every_state(generator: torch.Generator) -> None:
    network = PolicySettings().build(3, Space(3, 2))
    assert network(network.init(generator), 10 * torch.randn(100, 3, generator=generator)).mean.abs().max() < 0.05


def test_the_activation_is_that_of_every_hidden_layer(generator: torch.Generator) -> None:
    """elu against the same weights by hand."""
    network = PolicySettings(hidden=(5, 4), activation="elu", last_gain=1.0).build(3, Space(3, 2))
    params, x = network.init(generator), torch.randn(7, 3, generator=generator)
    h = x
    for i in range(2):
        h = torch.nn.functional.elu(h @ params[f"layer{i}.weight"].T + params[f"layer{i}.bias"])
    assert torch.allclose(network(params, x).mean, h @ params["layer2.weight"].T + params["layer2.bias"], atol=1e-6)
    tanh = PolicySettings(hidden=(5, 4), last_gain=1.0).build(3, Space(3, 2))
    assert not torch.allclose(network(params, x).mean, tanh(params, x).mean, atol=1e-2)


def test_a_value_function_has_the_layers_that_the_settings_say(generator: torch.Generator) -> None:
    """Inputs 3 and a descriptor of 2: the policy's layers by default, else its own, always without a gain."""

    def sizes(**settings: Any) -> tuple[int, ...]:
        return PolicySettings(hidden=(5, 4), **settings).build_critic(3, 2).net.sizes

    assert sizes() == (5, 5, 4, 1)
    assert sizes(critic_hidden=(7,)) == (5, 7, 1)
    assert sizes(critic_hidden=()) == (5, 1)
    assert sizes(critic_observes_task=False) == (3, 5, 4, 1)
    elu = PolicySettings(hidden=(5,), activation="elu").build_critic(3, 0).net
    params = elu.init(generator)
    h = torch.nn.functional.elu(torch.ones(1, 3) @ params["layer0.weight"].T)
    assert torch.allclose(elu(params, torch.ones(1, 3)), h @ params["layer1.weight"].T)
    assert params["layer1.weight"].abs().max() > 0.1
