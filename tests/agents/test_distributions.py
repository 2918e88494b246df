"""Policies over several actions, against torch's own distributions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import distributions as torchs

from agents.distributions import Categorical, Gaussian, entropy_of, from_stored, kl_divergence, log_prob, sample


def logits(seed: int) -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_several_actions_agree_with_torch() -> None:
    p, q = Categorical(logits(0)), Categorical(logits(1))
    own, other = torchs.Categorical(logits=p.logits), torchs.Categorical(logits=q.logits)
    act = torch.tensor([0, 3, 2, 1, 1])
    torch.testing.assert_close(log_prob(p, F.one_hot(act, 4).double()), own.log_prob(act))
    torch.testing.assert_close(kl_divergence(p, q), torchs.kl_divergence(own, other))
    torch.testing.assert_close(entropy_of(p), own.entropy())
    normal = Gaussian(p.logits, 0.1 * q.logits)
    expected = torchs.Normal(normal.mean, normal.log_std.exp()).entropy().sum(-1)
    torch.testing.assert_close(entropy_of(normal), expected)


def test_what_is_kept_comes_back() -> None:
    p = Categorical(logits(0))
    assert torch.equal(from_stored(p, p.mean, p.log_std).mean, p.logits)
    assert isinstance(from_stored(p, p.mean, p.log_std), Categorical)
    assert isinstance(from_stored(Gaussian(p.logits, p.logits), p.mean, p.log_std), Gaussian)


def test_draws_come_as_often_as_they_should() -> None:
    p = Categorical(torch.tensor([0.1, 0.2, 0.7]).log().expand(60_000, 3))
    sampled = sample(p, torch.Generator().manual_seed(0))
    assert (sampled.sum(-1) == 1).all()
    assert (sampled.mean(0) - torch.tensor([0.1, 0.2, 0.7])).abs().max() < 4 * 0.5 / 60_000**0.5
