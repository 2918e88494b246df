"""What distinguishes MAML, FOMAML and Reptile: exact meta-gradients beside their Taylor expansion (Nichol et al. 2018,
section 5; see `agents.optimization.analysis`), on a config's own network and tasks.

All in double precision. By default the inner rates are fractions of |A| / |B|, at which the two terms of the expansion
would be equally long; the smallest, 3e-7, leaves a residual some hundred times above rounding. The residual is of
second order where the loss is smooth: up to the rate at which a ReLU, or a maximum, changes sides on the way.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch.func import vmap

from agents.learner import Params
from agents.optimization import analysis
from agents.optimization.analysis import METHODS, Exact, Loss, Terms, Weights, law, orders, slope
from envs.core import Examples
from envs.wording import count_of
from metarl.analysis.subjects import Subject, draw_batches
from metarl.errors import UserError

FRACTIONS = tuple(10 ** (e / 2) for e in range(-13, -1))  # of |A| / |B|, chosen: 3e-7 to 0.1
CHUNK = 400  # examples times orders that are differentiated at once, chosen
NAMES = {"maml": "MAML", "fomaml": "FOMAML", "reptile": "Reptile"}


class Point(NamedTuple):
    """One method at one inner rate."""

    alpha: float
    fitted: Weights  # least squares on A and alpha B
    cos_mean: float  # with A
    cos_inner: float  # with B
    residual: float  # |exact - expansion| / |A|

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "fitted": self.fitted._asdict()}


class Analysis(NamedTuple):
    """Of one network on tasks of one distribution."""

    title: str
    tasks: int
    k: int  # batches of a task
    batch: str  # what one contains
    norm_mean: float  # |A|
    norm_inner: float  # |B|
    cosine: float  # of A and B
    points: dict[str, list[Point]]  # by method, alphas ascending
    own: dict[str, Point]  # by method, at the learner's inner_lr

    @property
    def headline(self) -> str:
        """What was analysed."""
        batches = count_of(self.k, "batch", "batches")
        return f"{self.title}: {count_of(self.tasks, 'task')}, {batches} of {self.batch} each"

    def slopes(self, method: str) -> list[float]:
        """Log-log slope of the residual between one alpha and the next."""
        points = self.points[method]
        return [_slope(points[i : i + 2]) for i in range(len(points) - 1)]

    def to_json(self) -> dict[str, Any]:
        """All numbers by method, with the coefficients of the expansion as `law`."""
        methods = {
            m: {
                "law": law(m, self.k)._asdict(),
                "points": [p.to_json() for p in self.points[m]],
                "slopes": self.slopes(m),
                "slope": _slope(self.points[m]),
                "at_inner_lr": self.own[m].to_json(),
            }
            for m in METHODS
        }
        numbers = {k: v for k, v in self._asdict().items() if k not in ("points", "own")}
        return {**numbers, "methods": methods}


def _slope(points: list[Point]) -> float:
    return slope([p.alpha for p in points], [p.residual for p in points])


class _Measurement(NamedTuple):
    """What the meta-gradients at every rate are computed from."""

    loss: Loss
    theta: Params
    batches: Examples  # [N, k, S, ...]
    chunk: int  # tasks differentiated at once

    def terms(self) -> Terms:
        """A and B, the means over tasks. Raises UserError where one of them is zero or not finite."""
        each = vmap(lambda batches: analysis.terms(self.loss, self.theta, batches), chunk_size=self.chunk)(self.batches)
        terms = Terms(*map(_mean, each))
        a, b = (_norm(term) for term in terms)
        if not 0 < a < math.inf or not 0 < b < math.inf:
            raise UserError(
                f"|A| is {a:g} and |B| is {b:g}, expected numbers above 0: analyse other weights, which have gradients"
            )
        return terms

    def points(self, terms: Terms, k: int, alpha: float) -> dict[str, Point]:
        """Every method at one rate. Raises UserError where a meta-gradient is NaN or infinity."""
        exact = self._exact(alpha)
        if not all(v.isfinite().all() for gradient in exact for v in gradient.values()):
            raise UserError(f"at the inner rate {alpha:g} the meta-gradients are not finite: give a smaller one")
        return {m: _point(m, gradient, terms, k, alpha) for m, gradient in zip(METHODS, exact, strict=True)}

    def _exact(self, alpha: float) -> Exact:
        each = vmap(lambda batches: analysis.exact(self.loss, self.theta, batches, alpha), chunk_size=self.chunk)(
            self.batches
        )
        return Exact(*map(_mean, each))


def analyse(subject: Subject, k: int, alphas: tuple[float, ...], num_tasks: int, seed: int) -> Analysis:
    """Exact meta-gradients and their expansion, means over training tasks of k batches.

    alphas: inner rates; with none, FRACTIONS of |A| / |B|. Raises UserError where there is no direction to compare
    with, where a rate is too large, or where a class has too few drawings.
    """
    learner = subject.learner
    theta = {name: v.double() for name, v in learner.initial_state(subject.theta).items()}
    batches = draw_batches(subject.config.tasks, k, num_tasks, seed)
    chunk = max(1, CHUNK // (batches.y[0].numel() * len(orders(k))))
    measurement = _Measurement(analysis.loss_of(learner.network, learner.inner), theta, batches, chunk)
    terms = measurement.terms()
    norm_mean, norm_inner = (_norm(term) for term in terms)
    rates = sorted(set(alphas)) or [fraction * norm_mean / norm_inner for fraction in FRACTIONS]
    measured = [measurement.points(terms, k, alpha) for alpha in rates]
    points = {m: [at[m] for at in measured] for m in METHODS}
    own = measurement.points(terms, k, learner.inner_lr)
    cosine = analysis.cosine(*terms)
    return Analysis(subject.title, num_tasks, k, subject.batch, norm_mean, norm_inner, cosine, points, own)


def _norm(params: Params) -> float:
    return float(analysis.flat(params).norm())


def _mean(params: Params) -> Params:
    """Over the task axis."""
    return {name: v.mean(0) for name, v in params.items()}


def _point(method: str, gradient: Params, terms: Terms, k: int, alpha: float) -> Point:
    return Point(
        alpha,
        analysis.fit(gradient, terms, alpha),
        analysis.cosine(gradient, terms.mean),
        analysis.cosine(gradient, terms.inner),
        analysis.residual(method, gradient, terms, k, alpha),
    )
