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


def test_gae_of_steps_in_which_an_episode_follows_another() -> None:
    """gamma 0.9, lambda 0.5, the second of four steps terminates, and 10 is the value behind the last.

    Fourth: 4 + 0.9 * 10 - 2 = 11. Third: 3 + 0.9 * 2 - 1 = 3.8, and 0.45 * 11 = 4.95 of the fourth: 8.75. Second:
    2 - 1 = 1, with neither the value nor the advantage of the third. First: 1 + 0.9 * 1 - 0.5 = 1.4, and 0.45 * 1,
    1.85. Without a value behind the last, the fourth is 4 - 2 = 2, and the third 3.8 + 0.9 = 4.7. Where the last
    terminates, a value behind it does not count.
    """
    rew, value = column(1, 2, 3, 4), column(0.5, 1, 1, 2)
    terminated = torch.tensor([False, True, False, False])[:, None]
    alive, last = torch.ones_like(terminated), torch.tensor([10.0], dtype=torch.float64)
    adv = advantages.gae(rew, value, terminated, alive, 0.9, 0.5, last)
    assert torch.allclose(adv, column(1.85, 1.0, 8.75, 11.0))
    adv = advantages.gae(rew, value, terminated, alive, 0.9, 0.5)
    assert torch.allclose(adv, column(1.85, 1.0, 4.7, 2.0))
    adv = advantages.gae(rew, value, alive, alive, 0.9, 0.5, last)
    assert torch.allclose(adv, rew - value)


def test_nothing_that_is_not_alive_reaches_an_advantage() -> None:
    """Neither its reward nor its value, even if they are NaN: the simulation diverged in the second step."""
    terminated = torch.tensor([False, True, False])[:, None]
    value = column(0.5, 1, 2)
    adv = advantages.gae(column(1, torch.nan, 3), value, terminated, ~terminated, 0.9, 0.5, torch.tensor([4.0]))
    assert torch.allclose(adv, column(1 + 0.9 - 0.5, 0.0, 3 + 3.6 - 2))
    dead = torch.tensor([True, False, False])[:, None]
    adv = advantages.gae(column(1, 0, 0), column(0.5, 1, 1), dead, dead, 0.9, 0.5, torch.tensor([torch.nan]))
    assert torch.allclose(adv, column(0.5, 0.0, 0.0))


def test_a_value_stands_for_what_follows_a_trial_that_time_has_cut() -> None:
    """Two trials of two steps, rewards 1 and 2, values 0.5 and 1, and 4 behind each; gamma 0.9, lambda 1.

    The first is cut: returns 2 + 0.9 * 4 = 5.6 and 1 + 0.9 * 5.6 = 6.04, advantages 4.6 and 5.54. The second is not: 2
    and 1 + 0.9 * 2 = 2.8, advantages 1 and 2.3. Their mean is 3.36, their mean square (4.6^2 + 5.54^2 + 1 + 2.3^2) / 4.
    """
    rew, value = column(1, 2, 0).expand(3, 2), column(0.5, 1, 4).expand(3, 2)
    alive = torch.tensor([True, True, False])[:, None].expand(3, 2)
    cut = torch.tensor([[False, False], [False, False], [True, False]])
    adv, ret = advantages.trial_advantages(rew, value, alive, cut, torch.zeros_like(cut), 0.9, 1.0)
    assert torch.allclose(ret[alive].view(2, 2).T, torch.tensor([[6.04, 5.6], [2.8, 2.0]], dtype=torch.float64))
    std = ((4.6**2 + 5.54**2 + 1 + 2.3**2) / 4 - 3.36**2) ** 0.5
    expected = (torch.tensor([[5.54, 4.6], [2.3, 1.0]], dtype=torch.float64) - 3.36) / std
    assert torch.allclose(adv[alive].view(2, 2).T, expected)
    assert not adv[~alive].any()


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
