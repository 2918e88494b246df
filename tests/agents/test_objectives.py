"""Objectives against torch's own distributions and against derivations by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from agents import distributions, objectives
from agents.distributions import Gaussian, log_prob
from agents.objectives import cross_entropy
from envs.core import Examples
from tests.probes import Point, random_transitions, transitions


def gaussians(generator: torch.Generator) -> tuple[Gaussian, Gaussian, torch.Tensor]:
    def draw() -> torch.Tensor:
        return torch.randn(5, 3, generator=generator, dtype=torch.float64)

    return Gaussian(draw(), 0.3 * draw()), Gaussian(draw(), 0.3 * draw()), draw()


def test_log_prob_is_the_sum_over_action_dimensions(generator: torch.Generator) -> None:
    p, _, act = gaussians(generator)
    expected = Normal(p.mean, p.log_std.exp()).log_prob(act).sum(-1)
    assert torch.allclose(log_prob(p, act), expected, atol=1e-12)


def test_kl_agrees_with_torch(generator: torch.Generator) -> None:
    p, q, _ = gaussians(generator)
    expected = kl_divergence(Normal(p.mean, p.log_std.exp()), Normal(q.mean, q.log_std.exp())).sum(-1)
    assert torch.allclose(distributions.kl_divergence(p, q), expected, atol=1e-12)
    assert torch.allclose(distributions.kl_divergence(p, p), torch.zeros(5, dtype=torch.float64), atol=1e-14)


def test_policy_gradient_keeps_the_credit_in_its_second_derivative() -> None:
    """N(w, 1), one step, sampled at w itself.

    L = -mean(ratio A) with ratio = exp(log pi_w(a) - log pi_0(a)) and u = a - w:
    L' = -mean(A u), L'' = -mean(A (u^2 - 1)). The log-likelihood form would give L'' = mean(A): its u^2 is lost.
    """
    act = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    adv = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    w = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    u = act - w.detach()
    logp = log_prob(Gaussian(w.detach().expand(3, 1), torch.zeros(3, 1)), act[:, None])
    data = transitions(act, adv, logp)
    loss = objectives.policy_gradient(Point()({"w": w}, data.x), data)
    (first,) = torch.autograd.grad(loss, w, create_graph=True)
    (second,) = torch.autograd.grad(first, w)
    assert torch.allclose(first, -(adv * u).mean(), atol=1e-12)
    assert torch.allclose(second, -(adv * (u.square() - 1)).mean(), atol=1e-12)
    assert not torch.allclose(second, adv.mean())


def test_estimators_agree_on_the_step_of_a_policy_that_has_moved() -> None:
    """N(w, 1) at w = 0.7, sampled at 0: -mean(ratio A u) with u = a - w, whichever estimator is derived."""
    act = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    adv = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    w = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    data = transitions(act, adv, log_prob(Gaussian(torch.zeros(3, 1), torch.zeros(3, 1)), act[:, None]))
    ratio = (-0.5 * (act - 0.7).square() + 0.5 * act.square()).exp()
    for objective in (objectives.policy_gradient, objectives.score_function, objectives.dice):
        (step,) = torch.autograd.grad(objective(Point()({"w": w}, data.x), data), w)
        assert torch.allclose(step, -(ratio * adv * (act - 0.7)).mean(), atol=1e-12)


def test_exploration_is_paid_in_deviations_of_all_returns_and_not_by_what_broke_down() -> None:
    """Returns 1, 3 before, and 4, 4 after; a third episode of each, of return 99, broke down.

    Credits 4 - 3 and 4 - 1, over the deviation of 1, 3, 4, 4: mean 3, variance (4 + 0 + 1 + 1) / 4. Two steps were
    taken in three episodes, and each has the derivative u = a - w of its log-density.
    """
    act = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    w = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    logp = log_prob(Gaussian(w.detach().expand(3, 1), torch.zeros(3, 1)), act[:, None])
    data = transitions(act, torch.zeros(3, dtype=torch.float64), logp)
    alive = torch.tensor([True, True, False]).expand_as(data.alive)

    def returns(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64).expand_as(data.adv)

    support = data._replace(alive=alive, ret=returns(1, 3, 99))
    query = data._replace(alive=alive, ret=returns(4, 4, 99))
    out = Point()({"w": w}, data.x)
    (step,) = torch.autograd.grad(objectives.exploration_credit(out, support, query), w)
    u, spread = act - 0.7, 1.5**0.5
    assert torch.allclose(step, -(u[0] * 1 + u[1] * 3) / spread / (2 / 3), atol=1e-6)
    same = support._replace(ret=returns(4, 4, 99))
    assert objectives.exploration_credit(out, same, query).item() == 0


def test_clipping_stops_the_gradient_beyond_the_bound_only_on_the_greedy_side() -> None:
    """Ratios 1.5 and 0.5 with clip 0.3: positive A stops at 1.5, negative A stops at 0.5; the others go on."""
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5], dtype=torch.float64)
    adv = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    act = torch.ones(4, dtype=torch.float64)
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    now = log_prob(Gaussian(torch.zeros(4, 1), torch.zeros(4, 1)), act[:, None])
    data = transitions(act, adv, now - ratio.log())
    per_step = []
    for i in range(4):
        alive = torch.zeros_like(data.alive)
        alive[0, i] = True
        loss = objectives.clipped_policy_gradient(0.3)(Point()({"w": w}, data.x), data._replace(alive=alive))
        per_step.append(torch.autograd.grad(loss, w)[0].item())
    assert per_step[0] == 0.0  # 1.5 is clipped to 1.3
    assert abs(per_step[1] - 1.5) < 1e-12  # -A d ratio = 1 * 1.5 * u, u = 1
    assert abs(per_step[2] + 0.5) < 1e-12
    assert per_step[3] == 0.0


def test_steps_not_alive_count_for_nothing(generator: torch.Generator) -> None:
    data = random_transitions(1, 2, 2, generator)
    data = type(data)(*(x[0] for x in data))
    poisoned = data._replace(adv=torch.where(data.alive, data.adv, 1e6), logp=torch.where(data.alive, data.logp, -1e9))
    out = Gaussian(data.mean * 0.5, data.log_std)
    for objective in (objectives.policy_gradient, objectives.clipped_policy_gradient(0.2), objectives.kl_to_sampling):
        assert torch.equal(objective(out, data), objective(out, poisoned))


def test_entropy_agrees_with_torch(generator: torch.Generator) -> None:
    p, *_ = gaussians(generator)
    data = transitions(torch.zeros(5, dtype=torch.float64))
    out = Gaussian(p.mean[None], p.log_std[None])
    expected = Normal(p.mean, p.log_std.exp()).entropy().sum(-1).mean()
    assert torch.allclose(objectives.entropy(out, data), expected, atol=1e-12)


def test_cross_entropy_is_minus_the_log_of_what_was_right() -> None:
    out = torch.tensor([[0.0, math.log(3.0)]])
    assert cross_entropy(out, Examples(torch.zeros(1), torch.tensor([1]))).item() == pytest.approx(-math.log(0.75))
