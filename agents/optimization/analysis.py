"""How MAML, FOMAML and Reptile differ: A. Nichol, J. Achiam, J. Schulman, 2018, arXiv 1803.02999, section 5.

One task has k batches with losses L_1 .. L_k. Write g_i and H_i for gradient and Hessian of L_i at theta, g'_i for the
gradient of L_i along the way, when the batches are descended one after the other with step size alpha:

    FOMAML   g'_k                                         Reptile   g'_1 + ... + g'_k
    MAML     (d phi / d theta)^T g'_k, with phi = theta after the first k - 1 steps

To first order in alpha, each is a weighted sum of two directions, and only the weights differ:

    A = E[g_i]                  minimises the mean loss: joint training
    B = E[H_i g_j], i != j      half the derivative of E[g_i . g_j]: -B makes gradients of different batches agree

    FOMAML   A - (k - 1) alpha B
    MAML     A - 2 (k - 1) alpha B
    Reptile  k A - k (k - 1) / 2 alpha B

The expectation is over the order of the batches. The paper samples batches; here the k batches are given, and the
mean over the orders of `orders` makes both terms exact for one task, so that the residual is O(alpha^2).

Departure: Reptile's gradient is the sum of the gradients along the way, (theta - phi_k) / alpha without the rounding
error of that difference. Axes: `k` batches, `S` examples of one, `P` orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

from agents.records import Data, Network, Objective, Out, Params

METHODS = ("maml", "fomaml", "reptile")
Loss = Callable[[Params, Data], Tensor]
"""(weights, one batch) -> scalar."""


class Terms(NamedTuple):
    """The two directions whose weighted sum is a meta-gradient."""

    mean: Params  # A
    inner: Params  # B


class Exact(NamedTuple):
    """Meta-gradients without approximation."""

    maml: Params
    fomaml: Params
    reptile: Params


class Weights(NamedTuple):
    """Coefficients of a meta-gradient: `mean` A + `inner` alpha B."""

    mean: float
    inner: float


def law(method: str, k: int) -> Weights:
    """The paper's coefficients for k batches."""
    return {
        "maml": Weights(1, -2 * (k - 1)),
        "fomaml": Weights(1, -(k - 1)),
        "reptile": Weights(k, -k * (k - 1) / 2),
    }[method]


def orders(k: int) -> Tensor:
    """[P, k]: the k rotations of 0 .. k - 1 and of its reverse.

    Each batch is last equally often, and of any two each comes first equally often, which is all that the first two
    terms depend on. P is 2 for two batches and 2 k for more, instead of the k! of all permutations.
    """
    forwards = torch.stack([torch.arange(k).roll(-i) for i in range(k)])
    return torch.unique(torch.cat([forwards, forwards.flip(1)]), dim=0)  # type: ignore[no-any-return]  # torch.unique is untyped


def loss_of(network: Network[Out], objective: Objective) -> Loss:
    """The objective of a network on one batch."""
    return lambda weights, data: objective(network(weights, data.x), data)


def terms(loss: Loss, theta: Params, batches: Data) -> Terms:
    """A and B of one task with batches [k, S, ...]; B by Hessian-vector products.

    sum over i != j of H_i g_j = sum over i of H_i (g_1 + ... + g_k - g_i): one product for each batch.
    """
    k = len(batches.x)
    each = vmap(grad(loss), in_dims=(None, 0))(theta, batches)  # [k, ...]
    others = {name: g.sum(0) - g for name, g in each.items()}

    def product(batch: Data, direction: Params) -> Params:
        pull = vjp(lambda weights: grad(loss)(weights, batch), theta)[1]
        out: Params = pull(direction)[0]  # a Hessian is symmetric
        return out

    products = vmap(product)(batches, others)
    mean = {name: g.mean(0) for name, g in each.items()}
    return Terms(mean, {name: p.sum(0) / max(k * (k - 1), 1) for name, p in products.items()})


def exact(loss: Loss, theta: Params, batches: Data, alpha: float) -> Exact:
    """The meta-gradients of one task, mean over the orders of its batches [k, S, ...]."""

    def in_order(order: Tensor) -> Exact:
        ordered = type(batches)(*(field[order] for field in batches))
        return exact_in_order(loss, theta, [type(batches)(*fields) for fields in zip(*ordered, strict=True)], alpha)

    return Exact(*({name: g.mean(0) for name, g in one.items()} for one in vmap(in_order)(orders(len(batches.x)))))


def exact_in_order(loss: Loss, theta: Params, batches: list[Data], alpha: float) -> Exact:
    """The meta-gradients of one task for one order of its batches."""

    def last_loss(weights: Params) -> Tensor:
        for batch in batches[:-1]:
            weights = _step(weights, grad(loss)(weights, batch), alpha)
        return loss(weights, batches[-1])

    gradients: list[Params] = []
    phi = theta
    for batch in batches:
        gradients.append(grad(loss)(phi, batch))
        phi = _step(phi, gradients[-1], alpha)
    summed = {name: torch.stack([g[name] for g in gradients]).sum(0) for name in theta}
    return Exact(grad(last_loss)(theta), gradients[-1], summed)


def _step(weights: Params, gradient: Params, alpha: float) -> Params:
    return {name: w - alpha * gradient[name] for name, w in weights.items()}


def approximate(method: str, terms: Terms, k: int, alpha: float) -> Params:
    """The meta-gradient by the first two terms of the expansion."""
    weights = law(method, k)
    return {name: weights.mean * a + weights.inner * alpha * terms.inner[name] for name, a in terms.mean.items()}


def fit(gradient: Params, terms: Terms, alpha: float) -> Weights:
    """The coefficients of a meta-gradient by least squares on A and alpha B."""
    a, b, target = flat(terms.mean), flat(terms.inner), flat(gradient)
    units = torch.stack([a.norm(), b.norm()]).clamp_min(torch.finfo(a.dtype).tiny)
    basis = torch.stack([a, b], 1) / units  # of unit norm, for conditioning: alpha B is much smaller than A
    weights = torch.linalg.lstsq(basis, target[:, None], driver="gelsd").solution[:, 0] / units
    return Weights(weights[0].item(), weights[1].item() / alpha)


def residual(method: str, gradient: Params, terms: Terms, k: int, alpha: float) -> float:
    """|exact - approximate| / |A|."""
    predicted = approximate(method, terms, k, alpha)
    return float((flat(gradient) - flat(predicted)).norm() / flat(terms.mean).norm())


def cosine(a: Params, b: Params) -> float:
    """Cosine similarity of two directions in parameter space."""
    return torch.nn.functional.cosine_similarity(flat(a), flat(b), dim=0).item()


def slope(alphas: list[float], residuals: list[float]) -> float:
    """Slope of log residual against log alpha, by least squares; 2 if the expansion holds."""
    x, y = torch.tensor(alphas, dtype=torch.float64).log(), torch.tensor(residuals, dtype=torch.float64).log()
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / (x @ x))


def flat(params: Params) -> Tensor:
    """All parameters in one vector."""
    return torch.cat([p.reshape(-1) for p in params.values()])
