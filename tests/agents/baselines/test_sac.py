"""SAC: densities, targets and gradients against derivations by hand."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from agents.baselines.sac import SAC, TARGETS, VALUES, OffPolicyData
from agents.distributions import TanhGaussian, entropy_of, from_stored, log_prob, mode, sample
from agents.learner import Params
from agents.nn.perceptrons import MLP

INPUTS, ACT, ROWS = 3, 2, 5
LEARNER = SAC(
    MLP(INPUTS, 8, 2 * ACT, activation="relu"),
    MLP(INPUTS + ACT, 8, 1, activation="relu"),
    gamma=0.9,
    tau=0.1,
    target_entropy=-2.0,
    init_alpha=0.5,
)


def given() -> tuple[Params, OffPolicyData]:
    generator = torch.Generator().manual_seed(0)
    theta = LEARNER.init(generator)
    theta = {k: v + 0.1 * torch.randn(v.shape, generator=generator) for k, v in theta.items()}
    theta = {k: v.requires_grad_(not k.startswith(TARGETS)) for k, v in theta.items()}

    def normal(*tail: int) -> torch.Tensor:
        return torch.randn(ROWS, *tail, generator=generator)

    terminated = torch.tensor([True, False, False, True, False])
    noise = torch.randn(2, ROWS, ACT, generator=generator)
    return theta, OffPolicyData(normal(INPUTS), normal(ACT).tanh(), normal(), normal(INPUTS), terminated, noise)


def test_the_density_of_a_squashed_gaussian_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    out = TanhGaussian(*torch.randn(2, 6, ACT, generator=generator, dtype=torch.float64))
    act = sample(out, generator)
    assert act.abs().max() < 1
    torch.testing.assert_close(mode(out), out.mean.tanh())
    torch_own = TransformedDistribution(Normal(out.mean, out.log_std.exp()), [TanhTransform()])
    torch.testing.assert_close(log_prob(out, act), torch_own.log_prob(act).sum(-1))
    assert log_prob(out, torch.ones_like(act)).isfinite().all()
    assert isinstance(from_stored(out, out.mean, out.log_std), TanhGaussian)
    with pytest.raises(TypeError, match="no formula"):
        entropy_of(out)


def test_the_target_is_the_smaller_slow_value_and_the_entropy_and_nothing_after_the_end() -> None:
    theta, data = given()
    found = LEARNER.target(theta, data)
    for i in range(ROWS):
        mean, log_std = LEARNER.actor(LEARNER.initial_state(theta), data.next_x[i]).chunk(2, -1)
        u = mean + log_std.exp() * data.noise[1, i]
        torch_own = TransformedDistribution(Normal(mean, log_std.exp()), [TanhTransform(cache_size=1)])
        joined, values = torch.cat([data.next_x[i], u.tanh()]), []
        for prefix in (TARGETS + name for name in VALUES):
            slow = {k.removeprefix(prefix): v for k, v in theta.items() if k.startswith(prefix)}
            values.append(LEARNER.critic(slow, joined))
        soft = min(float(v.detach()) for v in values) - theta["log_alpha"].exp() * torch_own.log_prob(u.tanh()).sum()
        expected = data.rew[i] + (0.0 if data.terminated[i] else 0.9 * soft)
        torch.testing.assert_close(found[i], expected.detach().reshape(()), atol=1e-4, rtol=1e-4)


def test_every_part_of_the_loss_moves_its_own_part_of_theta() -> None:
    """Of the temperature by hand: the gradient in log alpha is -(mean log-density + target entropy)."""
    theta, data = given()
    learned = {k: v for k, v in theta.items() if v.requires_grad}
    total = dict(zip(learned, torch.autograd.grad(LEARNER.loss(theta, data), list(learned.values())), strict=True))
    act, logp = LEARNER._sampled(theta, data.x, data.noise[0])
    errors = [q - LEARNER.target(theta, data) for q in LEARNER.values(theta, data.x, data.act)]
    of_values = 0.5 * sum(e.square().mean() for e in errors)
    of_policy = (theta["log_alpha"].detach().exp() * logp - torch.minimum(*LEARNER.values(theta, data.x, act))).mean()
    for loss, prefix in ((of_values, VALUES), (of_policy, "policy.")):
        own = {k: v for k, v in learned.items() if k.startswith(prefix)}
        for k, expected in zip(own, torch.autograd.grad(loss, list(own.values()), retain_graph=True), strict=True):
            torch.testing.assert_close(total[k], expected)
    torch.testing.assert_close(total["log_alpha"], -(logp.detach().mean() - 2.0).reshape(1))


def test_slow_copies_begin_equal_and_follow_by_tau() -> None:
    fresh = LEARNER.init(torch.Generator().manual_seed(0))
    assert all(torch.equal(v, fresh[k.removeprefix(TARGETS)]) for k, v in fresh.items() if k.startswith(TARGETS))
    theta, _ = given()
    after = LEARNER.after_step({k: v.detach() for k, v in theta.items()})
    assert after.keys() == {k for k in theta if k.startswith(TARGETS)}
    for k, v in after.items():
        torch.testing.assert_close(v, 0.9 * theta[k] + 0.1 * theta[k.removeprefix(TARGETS)].detach())
