"""MAML: meta-gradients by hand on quadratics, and against an explicit autograd loop on a policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from agents.learner import Episode, Params, SupervisedTask, mean_over_tasks
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import clipped_policy_gradient, kl_to_sampling, mse, policy_gradient
from agents.optimization import MAML
from envs.core import Examples
from tests.agents.quadratics import ALPHA, W, episode, meta_gradient, number, one_task
from tests.probes import Point, half_square, random_transitions


def policy_learner(**options: object) -> tuple[MAML, Params, Episode]:
    generator = torch.Generator().manual_seed(4)
    network = GaussianMLP(3, 2, hidden=(5, 4))
    learner = MAML(
        network,
        policy_gradient,
        clipped_policy_gradient(0.3),
        0.3,
        support_penalty=kl_to_sampling,
        penalty_coef=0.1,
        **options,  # type: ignore[arg-type]
    )
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    data = [random_transitions(6, 3, 2, generator) for _ in range(2)]
    return learner, theta, Episode((data[0],), data[1])


def explicit_loop(learner: MAML, theta: Params, episodes: Episode) -> list[Tensor]:
    """The meta-gradient with nothing but autograd and a Python loop over tasks, written out."""
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    weights = {k: v for k, v in leaves.items() if not k.startswith("inner_lr.")}
    losses = []
    for i in range(6):
        support, query = one_task(episodes.support[0], i), one_task(episodes.query, i)
        inner = learner.inner(learner.network(weights, support.x), support)
        grads = torch.autograd.grad(inner, list(weights.values()), create_graph=not learner.first_order)
        rates = [leaves.get(f"inner_lr.{k}", number(learner.inner_lr)) for k in weights]
        phi = {k: w - a * g for (k, w), a, g in zip(weights.items(), rates, grads, strict=True)}
        penalty = kl_to_sampling(learner.network(weights, support.x), support)
        losses.append(learner.outer(learner.network(phi, query.x), query) + 0.1 * penalty)
    return list(torch.autograd.grad(torch.stack(losses).mean(), list(leaves.values())))


def test_maml_meta_gradient_on_a_quadratic() -> None:
    """phi = w - a (w - s) = 1.85; d/dw 1/2 (phi - q)^2 = (1 - a)(phi - q) = 0.9 * 2.85."""
    learner = MAML(Point(), half_square, half_square, ALPHA)
    assert meta_gradient(learner, episode(), w=W)["w"] == pytest.approx(0.9 * 2.85)


def test_maml_through_several_steps_and_rounds() -> None:
    """Two steps on s = 0.5: phi = 1.715 and d phi/dw = 0.81. Two rounds, 0.5 then 1: phi = 1.765, the same factor."""
    two_steps = MAML(Point(), half_square, half_square, ALPHA, inner_steps=2)
    assert meta_gradient(two_steps, episode(), w=W)["w"] == pytest.approx(0.81 * 2.715)
    two_rounds = MAML(Point(), half_square, half_square, ALPHA, rounds=2)
    assert meta_gradient(two_rounds, episode(0.5, 1.0), w=W)["w"] == pytest.approx(0.81 * 2.765)


def test_an_inner_rate_may_fall_from_round_to_round() -> None:
    """Steps of 0.1 to 0.5 and of 0.05 to 1: phi = 1.85 - 0.05 * 0.85 = 1.8075, and d phi/dw = 0.9 * 0.95."""
    learner = MAML(Point(), half_square, half_square, ALPHA, rounds=2, inner_lr_decay=0.5)
    assert meta_gradient(learner, episode(0.5, 1.0), w=W)["w"] == pytest.approx(0.9 * 0.95 * 2.8075)
    learned = replace(learner, learn_inner_lr=True)
    gradient = meta_gradient(learned, episode(0.5, 1.0), w=W, inner_lr__w=ALPHA)
    assert gradient["w"] == pytest.approx(0.9 * 0.95 * 2.8075)
    assert gradient["inner_lr.w"] == pytest.approx(2.8075 * (-1.5 * 0.95 - 0.5 * 0.85))


def test_maml_may_be_judged_after_each_round() -> None:
    """After one round at 1.85, on what the second adapts on: 0.9 * (1.85 - 1); after two 0.81 * 2.765; their mean."""
    learner = MAML(Point(), half_square, half_square, ALPHA, rounds=2, each_round=True)
    expected = (0.9 * 0.85 + 0.81 * 2.765) / 2
    assert meta_gradient(learner, episode(0.5, 1.0), w=W)["w"] == pytest.approx(expected)


def test_first_order_maml_drops_the_hessian_term() -> None:
    """The gradient at phi, applied to w: 2.85, without the factor 1 - a."""
    learner = MAML(Point(), half_square, half_square, ALPHA, first_order=True)
    assert meta_gradient(learner, episode(), w=W)["w"] == pytest.approx(2.85)


@pytest.mark.parametrize("first_order", [False, True])
def test_learned_inner_rate_has_the_gradient_of_meta_sgd(first_order: bool) -> None:
    """d/da 1/2 (w - a (w - s) - q)^2 = -(w - s)(phi - q) = -1.5 * 2.85, with or without second order."""
    learner = MAML(Point(), half_square, half_square, learn_inner_lr=True, first_order=first_order)
    gradient = meta_gradient(learner, episode(), w=W, inner_lr__w=ALPHA)
    assert gradient["inner_lr.w"] == pytest.approx(-1.5 * 2.85)


RATES = torch.tensor([0.1, 0.2], dtype=torch.float64)
TWO_STEPS = MAML(Point(), half_square, half_square, ALPHA, inner_steps=2, learn_inner_lr=True, lr_per_step=True)


def two_rates() -> Params:
    return {"w": number(W).requires_grad_(), "inner_lr.w": RATES.clone().requires_grad_()}


def test_every_step_has_a_learned_rate_of_its_own() -> None:
    """phi is 2 - 0.1 * 1.5 = 1.85, then 1.85 - 0.2 * 1.35 = 1.58; its slope in w is 0.9 * 0.8, in the first rate
    -1.5 * 0.8, in the second -1.35."""
    leaves = two_rates()
    TWO_STEPS.loss(leaves, episode()).backward()  # type: ignore[no-untyped-call]
    assert leaves["w"].grad == pytest.approx(0.72 * 2.58)
    assert leaves["inner_lr.w"].grad.tolist() == pytest.approx([-1.5 * 0.8 * 2.58, -1.35 * 2.58])


def test_the_loss_can_count_after_each_step() -> None:
    leaves = two_rates()
    replace(TWO_STEPS, each_step=True).loss(leaves, episode()).backward()  # type: ignore[no-untyped-call]
    assert leaves["w"].grad == pytest.approx((0.9 * 2.85 + 0.72 * 2.58) / 2)
    assert leaves["inner_lr.w"].grad.tolist() == pytest.approx([(-1.5 * 2.85 - 1.5 * 0.8 * 2.58) / 2, -1.35 * 2.58 / 2])


def test_further_steps_have_the_rate_of_the_last() -> None:
    """A third step: 1.58 - 0.2 * 1.08 = 1.364; in one call or in three."""
    theta, support = two_rates(), episode().support[0]
    at_once = replace(TWO_STEPS, inner_steps=3).adapt(theta, TWO_STEPS.initial_state(theta), support)
    phi, one = TWO_STEPS.initial_state(theta), replace(TWO_STEPS, inner_steps=1)
    for _ in range(3):
        phi = one.adapt(theta, phi, support)
    assert at_once["w"].item() == pytest.approx(1.364)
    assert phi["w"].item() == pytest.approx(1.364)


def test_rates_of_steps_start_alike_and_then_it_is_maml() -> None:
    learner, theta, episodes = policy_learner(learn_inner_lr=True, lr_per_step=True)
    assert theta["inner_lr.layer0.weight"].shape == (1,)
    plain, weights, _ = policy_learner()
    ours, theirs = (mean_over_tasks(one.loss, t, episodes) for one, t in ((learner, theta), (plain, weights)))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("each_step", [False, True])
def test_scales_and_shifts_of_every_step_are_learned_and_not_adapted(each_step: bool) -> None:
    """Against a loop: the support before step k and the queries after it are normalised by row k."""
    network = ConvClassifier(Conv4(4, image=(1, 8), blocks=2), 3)
    learner = MAML(
        network, mse, mse, ALPHA, inner_steps=2, learn_inner_lr=True, lr_per_step=True, norm_per_step=True,
        each_step=each_step,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    theta = {k: v + 0.1 * torch.randn(v.shape, generator=generator).double() for k, v in theta.items()}
    data = [
        Examples(*(torch.randn(6, *shape, generator=generator).double() for shape in ((1, 8, 8), (3,)))) for _ in "sq"
    ]
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    learner.loss(leaves, SupervisedTask((data[0],), data[1])).backward()  # type: ignore[no-untyped-call]
    ours = {k: v.grad for k, v in leaves.items()}

    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    weights, losses = {k: v for k, v in leaves.items() if not k.startswith(("norm_of_step.", "inner_lr."))}, []
    for k in range(2):
        row = {n.removeprefix("norm_of_step."): v[k] for n, v in leaves.items() if n.startswith("norm_of_step.")}
        assert row.keys() & weights.keys() == set()
        loss = mse(network(weights | row, data[0].x), data[0])
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        steps = zip(weights.items(), slopes, strict=True)
        weights = {n: w - leaves[f"inner_lr.{n}"][k] * slope for (n, w), slope in steps}
        losses.append(mse(network(weights | row, data[1].x), data[1]))
    (torch.stack(losses).mean() if each_step else losses[1]).backward()
    assert any(n.startswith("norm_of_step.") for n in ours)
    for n, leaf in leaves.items():
        torch.testing.assert_close(ours[n], leaf.grad)


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("learn_inner_lr", [False, True])
def test_vmapped_meta_gradient_equals_an_explicit_loop(first_order: bool, learn_inner_lr: bool) -> None:
    learner, theta, episodes = policy_learner(first_order=first_order, learn_inner_lr=learn_inner_lr)
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    mapped = torch.autograd.grad(mean_over_tasks(learner.loss, leaves, episodes), list(leaves.values()))
    for ours, theirs in zip(mapped, explicit_loop(learner, theta, episodes), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_second_order_differs_from_first_order_on_a_policy() -> None:
    gradients = []
    for first_order in (False, True):
        learner, theta, episodes = policy_learner(first_order=first_order)
        leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
        mean_over_tasks(learner.loss, leaves, episodes).backward()  # type: ignore[no-untyped-call]
        gradients.append(leaves["layer0.weight"].grad)
    assert not torch.allclose(gradients[0], gradients[1], rtol=1e-2)


def test_adaptation_of_many_tasks_equals_one_by_one() -> None:
    learner, theta, episodes = policy_learner(learn_inner_lr=True)
    phi = {k: v.expand(6, *v.shape) for k, v in learner.initial_state(theta).items()}
    mapped = vmap(learner.adapt, in_dims=(None, 0, 0))(theta, phi, episodes.support[0])
    for i in range(6):
        alone = learner.adapt(theta, learner.initial_state(theta), one_task(episodes.support[0], i))
        assert all(torch.allclose(mapped[k][i], alone[k], atol=1e-12) for k in alone)
