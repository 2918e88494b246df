"""Estimators of the derivative of a policy gradient, against what is exact: all episodes are written down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from agents.distributions import log_prob
from agents.learner import Episode, Params, Transitions
from agents.objectives import dice, exploration_credit, policy_gradient, score_function
from agents.optimization import MAML
from agents.optimization.tabular import Tabular, meta_gradient, second_derivative

HORIZON = 3


@pytest.fixture
def mdp() -> Tabular:
    return Tabular(3, 2, HORIZON, torch.Generator().manual_seed(0))


@pytest.fixture
def theta(mdp: Tabular) -> Params:
    return mdp.init(torch.Generator().manual_seed(1))


def test_all_episodes_are_there(mdp: Tabular, theta: Params) -> None:
    data = mdp.episodes(theta)
    p = mdp.likelihood(theta, data)
    assert len(p) == 2**HORIZON
    torch.testing.assert_close(p.sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(p @ data.ret[:, 0, 0], mdp.expected_return(theta))
    advantage = mdp.episodes(theta, baseline=True).adv
    torch.testing.assert_close((p @ advantage[:, :, 0]).abs().max(), torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize("objective", [policy_gradient, score_function, dice])
@pytest.mark.parametrize("baseline", [False, True])
def test_first_derivatives_are_all_exact(mdp: Tabular, theta: Params, objective: object, baseline: bool) -> None:
    data = mdp.episodes(theta, baseline)

    def score(logits: Tensor, episode: Transitions) -> Tensor:
        return -HORIZON * objective(mdp({"logits": logits}, episode.x), episode)  # type: ignore[operator]

    mean = torch.einsum(
        "m,msa->sa", mdp.likelihood(theta, data), vmap(grad(score), in_dims=(None, 0))(theta["logits"], data)
    )
    torch.testing.assert_close(mean, grad(lambda x: mdp.expected_return({"logits": x}))(theta["logits"]))


@pytest.mark.parametrize("baseline", [False, True])
def test_dice_is_unbiased(mdp: Tabular, theta: Params, baseline: bool) -> None:
    assert second_derivative(mdp, theta, dice, baseline).bias < 1e-12


def terms(mdp: Tabular, theta: Params) -> tuple[Tensor, Tensor, Tensor]:
    """H1, H2 and H12 + H12' of Rothfuss et al. 2019, section 5, from their definitions: sums over all episodes."""
    data = mdp.episodes(theta)
    p, ret = mdp.likelihood(theta, data), data.ret[..., 0]

    def logs(logits: Tensor) -> Tensor:
        return log_prob(mdp({"logits": logits}, data.x), data.act)[..., 0]  # [M, T]

    def score_of(logits: Tensor) -> Tensor:
        return torch.func.jacrev(logs)(logits).flatten(2)  # [M, T, SA]

    g = score_of(theta["logits"])
    h = torch.func.jacrev(score_of)(theta["logits"]).flatten(3)  # [M, T, SA, SA]
    before = g.cumsum(1) - g
    h1 = torch.einsum("m,mt,mti,mtj->ij", p, ret, g, g)
    h2 = torch.einsum("m,mt,mtij->ij", p, ret, h)
    h12 = torch.einsum("m,mt,mti,mtj->ij", p, ret, before, g)
    return h1, h2, h12 + h12.T


def test_the_terms_make_up_the_whole(mdp: Tabular, theta: Params) -> None:
    exact = hessian(lambda x: mdp.expected_return({"logits": x}))(theta["logits"]).reshape(6, 6)
    torch.testing.assert_close(sum(terms(mdp, theta)), exact)


def test_lvc_and_loglik_are_what_they_are_said_to_be(mdp: Tabular, theta: Params) -> None:
    """LVC keeps H1 + H2 and drops H12; the usual form keeps H2 alone."""
    h1, h2, h12 = terms(mdp, theta)
    lvc = second_derivative(mdp, theta, policy_gradient, False)
    torch.testing.assert_close(lvc.mean.reshape(6, 6), h1 + h2)
    usual = second_derivative(mdp, theta, score_function, False)
    torch.testing.assert_close(usual.mean.reshape(6, 6), h2)
    assert h1.norm() > 0.1 * h2.norm()
    assert h12.norm() > 0.1 * h2.norm()
    assert lvc.bias > 0.05
    assert usual.bias > 0.05


def test_dice_is_unbiased_when_sampled(mdp: Tabular, theta: Params) -> None:
    """20,000 episodes: every element within four of its standard errors, most within two."""
    data = mdp.episodes(theta, baseline=True)
    chosen = torch.multinomial(
        mdp.likelihood(theta, data), 20_000, replacement=True, generator=torch.Generator().manual_seed(3)
    )

    def score(logits: Tensor, episode: Transitions) -> Tensor:
        return -HORIZON * dice(mdp({"logits": logits}, episode.x), episode)

    each = vmap(hessian(score), in_dims=(None, 0))(theta["logits"], data).reshape(-1, 36)[chosen]
    exact = hessian(lambda x: mdp.expected_return({"logits": x}))(theta["logits"]).reshape(36)
    error = (each.mean(0) - exact).abs() / (each.std(0) / 20_000**0.5 + 1e-12)
    assert error.max() < 4
    assert (error < 2).float().mean() > 0.85


@pytest.mark.parametrize("episodes", [1, 2])
def test_emaml_is_the_gradient_of_what_is_reached(mdp: Tabular, theta: Params, episodes: int) -> None:
    def advantage(out: object, support: Transitions, query: Transitions) -> Tensor:
        return exploration_credit(out, support, query, normalise=False)  # type: ignore[arg-type]

    unbiased = meta_gradient(mdp, theta, score_function, advantage, episodes, 0.3)
    assert unbiased.bias < 1e-12
    assert meta_gradient(mdp, theta, score_function, None, episodes, 0.3).bias > 0.02
    assert meta_gradient(mdp, theta, policy_gradient, None, episodes, 0.3, first_order=True).bias > 0.02


def test_maml_with_exploration_credit_sums_to_the_exact_gradient(mdp: Tabular, theta: Params) -> None:
    """The learner itself, every support episode with every query episode, each pair with its probability."""

    def advantage(out: object, support: Transitions, query: Transitions) -> Tensor:
        return exploration_credit(out, support, query, normalise=False)  # type: ignore[arg-type]

    rate = 0.3
    learner = MAML(mdp, score_function, policy_gradient, HORIZON * rate, exploration=advantage)
    support = mdp.episodes(theta, baseline=True)
    p = mdp.likelihood(theta, support)
    total = torch.zeros_like(theta["logits"])
    for i in range(len(p)):
        one = Transitions(*(t[i] for t in support))
        phi = {k: v.detach() for k, v in learner.adapt(theta, learner.initial_state(theta), one).items()}
        query = mdp.episodes(phi)
        q = mdp.likelihood(phi, query)

        def loss(at: Params, query: Transitions, one: Transitions = one) -> Tensor:
            return learner.loss(at, Episode((one,), query))

        each = vmap(grad(loss), in_dims=(None, 0))(theta, query)["logits"]
        total += p[i] * torch.einsum("m,msa->sa", q, each)

    def reached(logits: Tensor) -> Tensor:
        value = torch.zeros((), dtype=torch.float64)
        for i in range(len(p)):
            one = Transitions(*(t[i] for t in support))
            phi = learner.adapt({"logits": logits}, {"logits": logits}, one)
            value = value + mdp.likelihood({"logits": logits}, support)[i] * mdp.expected_return(phi)
        return value

    torch.testing.assert_close(-HORIZON * total, grad(reached)(theta["logits"]))
