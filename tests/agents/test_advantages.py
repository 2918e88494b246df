"""Returns, the linear baseline and GAE, by hand and in two ways."""

from __future__ import annotations

import torch
from torch.func import vmap

from agents import advantages


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_discounted_sum_by_hand() -> None:
    """1, 2, 3 with 0.5: 3; 2 + 1.5 = 3.5; 1 + 1.75 = 2.75."""
    assert advantages.discounted(column(1, 2, 3), 0.5).flatten().tolist() == [2.75, 3.5, 3.0]


def test_gae_by_hand() -> None:
    """rew 1, 2; value 0.5, 1; gamma 0.9, lambda 0.5: delta = 1 + 0.9 - 0.5 = 1.4 and 2 - 1 = 1; 1.4 + 0.45 = 1.85."""
    false = torch.zeros(2, 1, dtype=torch.bool)
    adv = advantages.gae(column(1, 2), column(0.5, 1), false, ~false, 0.9, 0.5)
    assert torch.allclose(adv, column(1.85, 1.0))


def test_nothing_flows_back_over_a_termination() -> None:
    """The second step terminates: its successor's value does not enter it, and the dead step has no credit."""
    terminated = torch.tensor([False, True, False])[:, None]
    alive = torch.tensor([True, True, False])[:, None]
    adv = advantages.gae(column(1, 2, 0), column(0.5, 1, 100), terminated, alive, 0.9, 1.0)
    assert torch.allclose(adv, column(1 + 0.9 * 2 - 0.5, 1.0, 0.0))


def test_lambda_one_is_return_minus_value(generator: torch.Generator) -> None:
    rew = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    value = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    false = torch.zeros(6, 4, dtype=torch.bool)
    adv = advantages.gae(rew, value, false, ~false, 0.95, 1.0)
    assert torch.allclose(adv, advantages.discounted(rew, 0.95) - value)


def test_the_baseline_finds_a_value_that_is_linear_in_its_features(generator: torch.Generator) -> None:
    obs = torch.randn(30, 5, 3, generator=generator)
    features = advantages.baseline_features(obs)
    weights = torch.randn(features.shape[-1], generator=generator, dtype=torch.float64)
    ret = features @ weights
    alive = torch.rand(30, 5, generator=generator) < 0.9
    ret = torch.where(alive, ret, 1e5)  # what is not alive must not be fitted
    value = advantages.fit_linear_baseline(obs, torch.where(alive, ret, 0.0), alive)
    assert torch.allclose(value[alive], ret[alive], atol=1e-3)


def test_each_task_has_a_baseline_of_its_own(generator: torch.Generator) -> None:
    """The mapped computation equals a loop, so nothing of one task leaks into another."""
    obs = torch.randn(3, 10, 4, 2, generator=generator)
    rew = torch.randn(3, 10, 4, generator=generator) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    alive = torch.ones(3, 10, 4, dtype=torch.bool)
    terminated = ~alive

    def one(*data: torch.Tensor) -> torch.Tensor:
        return advantages.advantages(*data, 0.99, 0.97)[0]  # type: ignore[call-arg]

    mapped = vmap(one)(obs, rew, terminated, alive)
    looped = torch.stack([one(*data) for data in zip(obs, rew, terminated, alive, strict=True)])
    assert torch.allclose(mapped, looped, atol=1e-6)
    assert torch.allclose(mapped.mean((1, 2)), torch.zeros(3), atol=1e-6)
    assert torch.allclose(mapped.square().mean((1, 2)), torch.ones(3), atol=1e-4)
