"""The law of Nichol et al. 2018: exact on quadratics, of the second order on networks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from agents.learner import Network, Objective, Params, SupervisedTask
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.nn.perceptrons import RegressionMLP
from agents.objectives import cross_entropy, mse
from agents.optimization import MAML, Reptile, analysis
from agents.optimization.analysis import METHODS, Exact, Terms, law
from envs.core import Examples

ALPHA, DIM = 0.1, 4
Made = Callable[[int, torch.Generator], tuple[Network[Tensor], Objective, Params, Examples]]


class Bowls(NamedTuple):
    """Quadratics: x holds the Hessians [..., DIM, DIM], y the centres [..., DIM]."""

    x: Tensor
    y: Tensor


def bowl(weights: Params, data: Bowls) -> Tensor:
    """1/2 (w - c)^T H (w - c)."""
    away = weights["w"] - data.y
    return 0.5 * away @ data.x @ away


class Passing:
    """A network that answers with its weights, so that an objective can be a bowl."""

    def init(self, generator: torch.Generator) -> Params:
        return {"w": torch.randn(DIM, generator=generator, dtype=torch.float64)}

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        return torch.cat([params["w"][None], x])


def bowl_of_answer(out: Tensor, data: Bowls) -> Tensor:
    return bowl({"w": out[0]}, data)


def bowls(k: int, generator: torch.Generator) -> tuple[Params, Bowls]:
    """theta and k of them, with indefinite Hessians that do not commute."""
    root = torch.randn(k, DIM, DIM, generator=generator, dtype=torch.float64)
    centres = torch.randn(k, DIM, generator=generator, dtype=torch.float64)
    return Passing().init(generator), Bowls(root + root.mT, centres)


def one_by_one(data: Bowls) -> list[Bowls]:
    return [Bowls(*fields) for fields in zip(*data, strict=True)]


def assert_close(ours: Params, expected: Tensor) -> None:
    assert torch.allclose(ours["w"], expected, rtol=0, atol=1e-10)


def test_two_batches_on_quadratics_are_as_derived_by_hand(generator: torch.Generator) -> None:
    """phi = w - a g0, whose derivative is I - a H0; the gradient met there is g1 - a H1 g0."""
    theta, data = bowls(2, generator)
    (h0, h1), (g0, g1) = data.x, torch.einsum("kij,kj->ki", data.x, theta["w"] - data.y)
    found = analysis.exact_in_order(bowl, theta, one_by_one(data), ALPHA)
    last = g1 - ALPHA * h1 @ g0
    assert_close(found.fomaml, last)
    assert_close(found.maml, (torch.eye(DIM) - ALPHA * h0) @ last)
    assert_close(found.reptile, g0 + last)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_exact_gradients_are_those_of_the_learners(k: int, generator: torch.Generator) -> None:
    """The same batches as k - 1 rounds of support and a query; Reptile's own gradient is alpha times the sum."""
    theta, data = bowls(k, generator)
    *support, query = one_by_one(data)
    task = SupervisedTask(tuple(support), query)  # type: ignore[arg-type]  # bowls have the fields of examples
    options = {"network": Passing(), "inner": bowl_of_answer, "inner_lr": ALPHA, "rounds": k - 1}
    found = analysis.exact_in_order(bowl, theta, one_by_one(data), ALPHA)
    learners = {
        "maml": MAML(outer=bowl_of_answer, **options),  # type: ignore[arg-type]
        "fomaml": MAML(outer=bowl_of_answer, first_order=True, **options),  # type: ignore[arg-type]
        "reptile": Reptile(**options),  # type: ignore[arg-type]
    }
    for method, learner in learners.items():
        leaf = {"w": theta["w"].clone().requires_grad_()}
        (gradient,) = torch.autograd.grad(learner.loss(leaf, task), [leaf["w"]])
        assert_close(getattr(found, method), gradient / (ALPHA if method == "reptile" else 1))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_terms_are_means_over_pairs_and_half_a_derivative(k: int, generator: torch.Generator) -> None:
    """A and B by a plain loop with the Hessians written out; B once more from d/dw of the gradients' inner products."""
    theta, data = bowls(k, generator)
    w = theta["w"].clone().requires_grad_()
    g = [h @ (w - c) for h, c in zip(*data, strict=True)]
    pairs = list(itertools.permutations(range(k), 2))
    found = analysis.terms(bowl, theta, data)
    assert_close(found.mean, torch.stack(g).mean(0))
    assert_close(found.inner, torch.stack([data.x[i] @ g[j] for i, j in pairs]).mean(0))
    agreement = torch.stack([g[i] @ g[j] for i, j in pairs]).mean()
    assert_close(found.inner, 0.5 * torch.autograd.grad(agreement, w)[0])


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("method", METHODS)
def test_the_law_holds_for_any_number_of_batches(method: str, k: int, generator: torch.Generator) -> None:
    """Value and derivative in alpha at zero, by central differences over all k! orders: A and B with their weights."""
    theta, data = bowls(k, generator)
    found, batches = analysis.terms(bowl, theta, data), one_by_one(data)

    def mean(alpha: float) -> Tensor:
        every = [
            getattr(analysis.exact_in_order(bowl, theta, [batches[i] for i in order], alpha), method)["w"]
            for order in itertools.permutations(range(k))
        ]
        return torch.stack(every).mean(0)

    step = 1e-5
    assert_close({"w": mean(0.0)}, law(method, k).mean * found.mean["w"])
    derivative = (mean(step) - mean(-step)) / (2 * step)
    assert torch.allclose(derivative, law(method, k).inner * found.inner["w"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_the_orders_used_stand_for_all_of_them(k: int) -> None:
    """Each batch is last equally often, and of two batches each comes first equally often."""
    rows = analysis.orders(k).tolist()
    assert len(rows) == (2 if k == 2 else 2 * k)
    assert all(sorted(row) == list(range(k)) for row in rows)
    assert len({sum(row[-1] == i for row in rows) for i in range(k)}) == 1
    first = {sum(row.index(i) < row.index(j) for row in rows) for i, j in itertools.permutations(range(k), 2)}
    assert first == {len(rows) / 2}


def test_the_fit_recovers_coefficients_even_where_alpha_b_is_tiny(generator: torch.Generator) -> None:
    a, b = (torch.randn(50, generator=generator, dtype=torch.float64) for _ in range(2))
    found = Terms({"w": a}, {"w": b})
    fitted = analysis.fit({"w": 3 * a - 1.5 * 1e-7 * b}, found, 1e-7)
    assert fitted == (pytest.approx(3), pytest.approx(-1.5, rel=1e-6))


def sinusoid(k: int, generator: torch.Generator) -> tuple[Network[Tensor], Objective, Params, Examples]:
    """Five tasks of k batches for the shipped perceptron, at weights of the size that they have after training."""
    network = RegressionMLP(std=0.3)
    x = 10 * torch.rand(5, k, 10, 1, generator=generator, dtype=torch.float64) - 5
    phase = torch.rand(5, 1, 1, 1, generator=generator, dtype=torch.float64)
    return network, mse, network.init(generator), Examples(x, 2 * torch.sin(x + 3 * phase))


def images(k: int, generator: torch.Generator) -> tuple[Network[Tensor], Objective, Params, Examples]:
    """Two tasks of k batches of 3 classes for a small convolutional classifier whose last layer is not zero."""
    network = ConvClassifier(Conv4(4, "pool", (1, 8), blocks=2), 3)
    theta = network.init(generator)
    theta["last.weight"] = torch.randn(theta["last.weight"].shape, generator=generator)
    x = torch.rand(2, k, 6, 1, 8, 8, generator=generator, dtype=torch.float64)
    return network, cross_entropy, theta, Examples(x, torch.arange(3).repeat(2).expand(2, k, 6))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("make", [sinusoid, images])
def test_on_a_network_the_law_leaves_out_a_square_of_alpha(make: Made, k: int, generator: torch.Generator) -> None:
    network, objective, theta, batches = make(k, generator)
    theta = {name: v.double() for name, v in theta.items()}
    loss = analysis.loss_of(network, objective)
    found = Terms(*map(mean_over_tasks, vmap(lambda mine: analysis.terms(loss, theta, mine))(batches)))
    scale = (analysis.flat(found.mean).norm() / analysis.flat(found.inner).norm()).item()
    alphas = [scale * fraction for fraction in (1e-6, 3e-6, 1e-5)]
    left_over: dict[str, list[float]] = {m: [] for m in METHODS}
    for alpha in alphas:
        each = vmap(lambda mine, alpha=alpha: analysis.exact(loss, theta, mine, alpha))(batches)
        exact = Exact(*map(mean_over_tasks, each))
        for m, gradient in zip(METHODS, exact, strict=True):
            left_over[m].append(analysis.residual(m, gradient, found, k, alpha))
            assert analysis.fit(gradient, found, alpha) == pytest.approx(law(m, k), rel=1e-3)
    for m in METHODS:
        assert analysis.slope(alphas, left_over[m]) == pytest.approx(2, abs=0.1)


def mean_over_tasks(params: Params) -> Params:
    return {name: v.mean(0) for name, v in params.items()}


def test_tasks_side_by_side_are_as_one_by_one(generator: torch.Generator) -> None:
    network, objective, theta, batches = sinusoid(3, generator)
    theta, loss = {name: v.double() for name, v in theta.items()}, analysis.loss_of(network, objective)
    mapped = vmap(lambda mine: analysis.exact(loss, theta, mine, 0.01))(batches)
    for i in range(5):
        alone = analysis.exact(loss, theta, Examples(*(v[i] for v in batches)), 0.01)
        for ours, theirs in zip(mapped, alone, strict=True):
            assert all(torch.allclose(ours[name][i], theirs[name], rtol=1e-9, atol=1e-12) for name in theta)
