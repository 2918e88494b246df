"""What tells MAML, FOMAML and Reptile apart, on a config's own network and tasks (see `agents.optimization.analysis`).

All in double precision. By default the rates are fractions of |A| / |B|, at which the law's two terms would be equally
long; the smallest, 3e-7, leaves a residual some hundred times above rounding. The residual is of the second order where
the loss is smooth: up to the rate at which a ReLU, or a maximum, changes sides on the way. From there on it jumps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from rich.console import Group
from rich.table import Table
from torch import Tensor
from torch.func import vmap

from agents.learner import Params
from agents.optimization import MAML, Reptile, Supervised, analysis
from agents.optimization.analysis import METHODS, Exact, Loss, Terms, Weights, law, orders, slope
from envs.core import Examples
from envs.fewshot.glyphs import DRAWINGS  # Omniglot has as many
from metarl.config import files as settings
from metarl.config.schema import SUPERVISED, Config, FewShotTasks, SinusoidTasks
from metarl.errors import UserError, nearest
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training.build import build_few_shot_learner, build_supervised_tasks

FRACTIONS = tuple(10 ** (e / 2) for e in range(-13, -1))  # of |A| / |B|, chosen: 3e-7 to 0.1
CHUNK = 400  # examples times orders that are differentiated at once, chosen
NAMES = {"maml": "MAML", "fomaml": "FOMAML", "reptile": "Reptile"}
SIZES = {"maml": 9, "fomaml": 6, "reptile": 3}  # of markers
COLORS = {"maml": "C0", "fomaml": "C1", "reptile": "C2"}


class Point(NamedTuple):
    """One method at one rate."""

    alpha: float
    fitted: Weights  # least squares on A and alpha B
    cos_mean: float  # with A
    cos_inner: float  # with B
    residual: float  # |exact - law| / |A|

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "fitted": self.fitted._asdict()}


class Analysis(NamedTuple):
    """Of one network on tasks of one distribution."""

    title: str
    tasks: int
    k: int  # batches of a task
    batch: str  # what one holds
    norm_mean: float  # |A|
    norm_inner: float  # |B|
    cosine: float  # of A and B
    points: dict[str, list[Point]]  # by method, alphas ascending
    own: dict[str, Point]  # by method, at the learner's inner_lr

    @property
    def headline(self) -> str:
        return f"{self.title}: {self.tasks} tasks, {self.k} batches of {self.batch} each"

    def slopes(self, method: str) -> list[float]:
        """Log-log slope of the residual between one alpha and the next."""
        at = self.points[method]
        return [_slope(at[i : i + 2]) for i in range(len(at) - 1)]

    def to_json(self) -> dict[str, Any]:
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


class Subject(NamedTuple):
    """Whose gradients are looked at."""

    title: str
    config: Config
    learner: MAML[Tensor] | Reptile[Tensor]
    theta: Params


def of(text: str, overrides: dict[str, Any]) -> Subject:
    """A config by name or path with its initial weights, or a run by its folder with its newest ones.

    Raises UserError where it is neither, and for learners that take no gradient steps at a fixed rate.
    """
    names, path = settings.names(), Path(text)
    if text in names or path.suffix in (".yaml", ".yml"):
        path = settings.find(text)
        config = settings.load(path, overrides)
        learner = _gradient_learner(config)
        theta = learner.init(torch.Generator().manual_seed(config.seed))
        return Subject(f"{path.stem}, initial weights", config, learner, theta)
    if not path.exists() and not (runs.ROOT / text).exists():
        raise UserError(f"there is no config and no run named {text!r}: {nearest(text, names)}")
    if overrides:
        raise UserError(f"--{next(iter(overrides))} is for a config: a run has settings of its own")
    run = runs.find(text)
    learner, state = _gradient_learner(run.config), checkpoint.load_newest(run.checkpoints)
    return Subject(f"{run.name}, iteration {state.iteration}", run.config, learner, state.theta)


def _gradient_learner(config: Config) -> MAML[Tensor] | Reptile[Tensor]:
    if config.tasks.kind not in SUPERVISED:
        raise UserError(
            f"tasks of kind {config.tasks.kind} have no batches of examples: give a fewshot or sinusoid config"
        )
    learner = build_few_shot_learner(config)
    if not isinstance(learner, Supervised) or not isinstance(learner.learner, MAML | Reptile):
        raise UserError(f"learner {config.learner.kind} has no fixed inner rate: give a maml or reptile config")
    if isinstance(learner.learner, Reptile) and learner.learner.inner_optimizer != "sgd":
        raise UserError("the law is that of gradient descent: give --learner.inner_optimizer sgd")
    return learner.learner


def analyse(subject: Subject, k: int, alphas: tuple[float, ...], num_tasks: int, seed: int) -> Analysis:
    """Exact meta-gradients against the law, means over training tasks of k batches; without alphas at FRACTIONS.

    Raises UserError where there is no direction to compare with, or where a rate is too large.
    """
    tasks = subject.config.tasks
    assert isinstance(tasks, FewShotTasks | SinusoidTasks)
    learner = subject.learner
    theta = {name: v.double() for name, v in learner.initial_state(subject.theta).items()}
    loss, batches = analysis.loss_of(learner.network, learner.inner), draw(tasks, k, num_tasks, seed)
    chunk = max(1, CHUNK // (batches.y[0].numel() * len(orders(k))))
    each = vmap(lambda mine: analysis.terms(loss, theta, mine), chunk_size=chunk)(batches)
    found = Terms(*map(_mean, each))
    a, b = (analysis.flat(part).norm().item() for part in found)
    if not 0 < a < float("inf") or not 0 < b < float("inf"):
        raise UserError(f"|A| is {a:g} and |B| is {b:g}: at these weights there is no direction to compare with")

    def measure(alpha: float) -> dict[str, Point]:
        exact = _exact(loss, theta, batches, alpha, chunk)
        if not all(v.isfinite().all() for gradient in exact for v in gradient.values()):
            raise UserError(f"at the inner rate {alpha:g} the meta-gradients are not finite: give a smaller one")
        return {m: _point(m, g, found, k, alpha) for m, g in zip(METHODS, exact, strict=True)}

    rates = sorted(set(alphas)) or [f * a / b for f in FRACTIONS]
    measured = [measure(alpha) for alpha in rates]
    points = {m: [at[m] for at in measured] for m in METHODS}
    own = measure(learner.inner_lr)
    batch = f"{tasks.way} classes x {tasks.shot}" if isinstance(tasks, FewShotTasks) else f"{tasks.shot} points"
    return Analysis(subject.title, num_tasks, k, batch, a, b, analysis.cosine(*found), points, own)


def draw(tasks: FewShotTasks | SinusoidTasks, k: int, num_tasks: int, seed: int) -> Examples:
    """Training tasks of k batches [N, k, S, ...]; of images each batch shows `shot` drawings of every class."""
    if isinstance(tasks, FewShotTasks) and k * tasks.shot > DRAWINGS:
        raise UserError(
            f"--steps {k} asks for {k} x {tasks.shot} drawings of a class, which has {DRAWINGS}: give fewer"
        )
    family = build_supervised_tasks(tasks.model_copy(update={"query": (k - 1) * tasks.shot}))
    sampled = family.examples(family.sample(num_tasks, "train", torch.Generator().manual_seed(seed)))
    x, y = (torch.cat(both, 1) for both in zip(*sampled, strict=True))  # [N, k S, ...]
    if isinstance(tasks, SinusoidTasks):
        return Examples(_part(x, k).double(), _part(y, k).double())
    order = y.argsort(dim=1, stable=True).view(num_tasks, -1, k, tasks.shot).transpose(1, 2).flatten(1)  # class last
    rows = torch.arange(num_tasks)[:, None]
    return Examples(_part(x[rows, order], k).double(), _part(y[rows, order], k))


def _part(values: Tensor, k: int) -> Tensor:
    """[N, k S, ...] -> [N, k, S, ...]."""
    return values.view(len(values), k, -1, *values.shape[2:])


def _exact(loss: Loss, theta: Params, batches: Examples, alpha: float, chunk: int) -> Exact:
    each = vmap(lambda mine: analysis.exact(loss, theta, mine, alpha), chunk_size=chunk)(batches)
    return Exact(*map(_mean, each))


def _mean(params: Params) -> Params:
    """Over the task axis."""
    return {name: v.mean(0) for name, v in params.items()}


def _point(method: str, gradient: Params, found: Terms, k: int, alpha: float) -> Point:
    return Point(
        alpha,
        analysis.fit(gradient, found, alpha),
        analysis.cosine(gradient, found.mean),
        analysis.cosine(gradient, found.inner),
        analysis.residual(method, gradient, found, k, alpha),
    )


def tables(found: Analysis) -> Group:
    """The coefficients beside the law's, then how the residual grows with the rate."""
    return Group(_coefficients(found), "", _residuals(found))


def _coefficients(found: Analysis) -> Table:
    out = Table(title=found.headline)
    for column in ("method", "alpha", "A", "alpha B", "cosine with A", "cosine with B", "residual"):
        out.add_column(column, justify="left" if column == "method" else "right")
    for m in METHODS:
        wanted = law(m, found.k)
        out.add_row(NAMES[m], "law", f"{wanted.mean:g}", f"{wanted.inner:g}", "", "", "")
        for p, name in ((found.points[m][0], ""), (found.own[m], " (inner_lr)")):
            out.add_row(
                "",
                f"{p.alpha:.2g}{name}",
                f"{p.fitted.mean:.4f}",
                f"{p.fitted.inner:.4f}",
                f"{p.cos_mean:.3f}",
                f"{p.cos_inner:.3f}",
                f"{p.residual:.1e}",
            )
        out.add_section()
    out.caption = (
        f"columns A and alpha B: coefficients, by least squares; A: mean gradient, |A| = {found.norm_mean:.3g}; "
        f"B: mean of H_i g_j, |B| = {found.norm_inner:.3g}; cosine of A and B {found.cosine:.3f}"
    )
    return out


def _residuals(found: Analysis) -> Table:
    out = Table(title="residual |exact - law| / |A|, log-log slope beside it")
    out.add_column("alpha", justify="right")
    for m in METHODS:
        out.add_column(NAMES[m], justify="right")
        out.add_column("slope", justify="right")
    slopes = {m: ["", *(f"{s:.2f}" for s in found.slopes(m))] for m in METHODS}
    for i, first in enumerate(found.points["maml"]):
        cells = [cell for m in METHODS for cell in (f"{found.points[m][i].residual:.1e}", slopes[m][i])]
        out.add_row(f"{first.alpha:.2g}", *cells)
    out.caption = "slope 2: what the law leaves out is O(alpha^2), until a ReLU or a maximum changes sides"
    return out


def plot(found: Analysis, path: Path) -> None:
    """Left: fitted coefficients beside the law's. Right: residual against alpha beside a line of slope 2.

    What is filled was measured at the learner's inner_lr.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), layout="constrained")
    _plot_coefficients(left, found)
    _plot_residuals(right, found)
    figure.suptitle(found.headline)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _plot_coefficients(axes: Axes, found: Analysis) -> None:
    """Methods that share a coefficient lie on one line: the markers shrink from one to the next."""
    laws: dict[tuple[float, str], list[str]] = {}
    for m, size in SIZES.items():
        at = found.points[m]
        for part, marker, term in (("mean", "o", "A"), ("inner", "s", "alpha B")):
            value = getattr(law(m, found.k), part)
            laws.setdefault((value, term), []).append(NAMES[m])
            axes.axhline(value, color=COLORS[m], linestyle="--", linewidth=1, alpha=0.6)
            look: dict[str, Any] = {"marker": marker, "color": COLORS[m], "markersize": size, "linestyle": ""}
            axes.plot([p.alpha for p in at], [getattr(p.fitted, part) for p in at], markerfacecolor="none", **look)
            axes.plot(found.own[m].alpha, getattr(found.own[m].fitted, part), **look)
    ends = [value for value, _ in laws]
    low, high = min(ends), max(ends)
    margin = 0.25 * (high - low)
    axes.set(xscale="log", xlabel="inner rate alpha", ylabel="coefficient", ylim=(low - margin, high + margin))
    for (value, term), names in laws.items():
        axes.annotate(
            f"{term}: {', '.join(names)}",
            (0.01, value),
            (0, 7),
            axes.get_yaxis_transform(),
            "offset points",
            fontsize=8,
        )
    axes.set_title("coefficients of A (circles) and of alpha B (squares); dashed: the law", fontsize=10)


def _plot_residuals(axes: Axes, found: Analysis) -> None:
    for m, size in SIZES.items():
        at, own = found.points[m], found.own[m]
        alphas, left_over = [p.alpha for p in at], [p.residual for p in at]
        axes.plot(alphas, left_over, "o-", color=COLORS[m], markersize=size, markerfacecolor="none", label=NAMES[m])
        axes.plot(own.alpha, own.residual, "o", color=COLORS[m], markersize=size)
    first, last = found.points["maml"][0], found.points["maml"][-1]
    ends = (first.alpha, last.alpha)
    axes.plot(ends, [3 * first.residual * (a / first.alpha) ** 2 for a in ends], "k:", label="slope 2")
    axes.axvline(found.own["maml"].alpha, color="gray", linewidth=1, label="inner_lr (filled)")
    axes.set(xscale="log", yscale="log", xlabel="inner rate alpha", ylabel="|exact - law| / |A|")
    axes.set_title("what the law leaves out", fontsize=10)
    axes.legend(frameon=False)
