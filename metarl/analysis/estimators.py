"""How well the ways to differentiate a policy gradient do where the truth is known (see `agents.optimization.tabular`).

Two questions. The second derivative of the return, from one episode, by the length of the episode. The meta-gradient
through one step on a few episodes, by their number: what MAML follows, and where the few episodes themselves make a
difference that only E-MAML's credit accounts for.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from rich.console import Group
from rich.table import Table

from agents.learner import Exploration, Objective
from agents.objectives import dice, exploration_credit, policy_gradient, score_function
from agents.optimization.tabular import Moments, Tabular, meta_gradient, second_derivative

STATES, ACTIONS, RATE = 3, 2, 0.3  # chosen
HORIZONS = (1, 2, 3, 4, 5, 6)  # 64 episodes at most
META_HORIZON, COUNTS = 3, (1, 2, 3, 4)  # 8 episodes, 4096 choices of four


class Way(NamedTuple):
    """One estimator."""

    name: str
    objective: Objective
    exploration: Exploration | None = None
    first_order: bool = False


_credit = partial(exploration_credit, normalise=False)


SECOND = (Way("loglik", score_function), Way("lvc", policy_gradient), Way("dice", dice))
META = (*SECOND, Way("emaml", score_function, _credit), Way("first_order", policy_gradient, None, first_order=True))
COLORS = {"loglik": "C3", "lvc": "C0", "dice": "C1", "emaml": "C2", "first_order": "C7"}


class Estimators(NamedTuple):
    """Medians over processes: by estimator, and by the length, or the number, of episodes."""

    processes: int
    second: dict[str, list[Moments]]  # with the expected return as baseline
    bare: dict[str, list[Moments]]  # without a baseline
    meta: dict[str, list[Moments]]

    def to_json(self) -> dict[str, Any]:
        def told(rows: dict[str, list[Moments]]) -> dict[str, Any]:
            return {k: [{"bias": m.bias, "deviation": m.deviation} for m in row] for k, row in rows.items()}

        return {
            "processes": self.processes,
            "second_derivative": {"steps": HORIZONS, "baseline": told(self.second), "bare": told(self.bare)},
            "meta_gradient": {"episodes": COUNTS, "rate": RATE, "steps": META_HORIZON, **told(self.meta)},
        }


def measure(processes: int, seed: int) -> Estimators:
    """On random processes and policies."""
    generator = torch.Generator().manual_seed(seed)
    seeds = torch.randint(2**31, (processes,), generator=generator).tolist()

    def some(horizon: int, seed: int) -> tuple[Tabular, dict[str, torch.Tensor]]:
        own = torch.Generator().manual_seed(seed)
        mdp = Tabular(STATES, ACTIONS, horizon, own)
        return mdp, mdp.init(own)

    def second(way: Way, horizon: int, baseline: bool) -> Moments:
        return _median([second_derivative(*some(horizon, s), way.objective, baseline) for s in seeds])

    def meta(way: Way, count: int) -> Moments:
        made = [some(META_HORIZON, s) for s in seeds]
        return _median([meta_gradient(*m, way.objective, way.exploration, count, RATE, way.first_order) for m in made])

    return Estimators(
        processes,
        {w.name: [second(w, h, True) for h in HORIZONS] for w in SECOND},
        {w.name: [second(w, h, False) for h in HORIZONS] for w in SECOND},
        {w.name: [meta(w, c) for c in COUNTS] for w in META},
    )


def _median(found: list[Moments]) -> Moments:
    biases, deviations = (torch.tensor([getattr(m, k) for m in found]) for k in ("bias", "deviation"))
    return Moments(found[0].mean, biases.median().item(), deviations.median().item())


def tables(found: Estimators) -> Group:
    """Bias and standard deviation, in units of the norm of the truth."""
    second = Table(title=f"second derivative of the return from one episode: median of {found.processes} processes")
    second.add_column("estimator")
    for h in HORIZONS:
        second.add_column(f"{h} step" + "s" * (h > 1), justify="right")
    for name, row in found.second.items():
        second.add_row(name, *(_cell(m) for m in row))
    for name, row in found.bare.items():
        second.add_row(f"{name}, no baseline", *(_cell(m) for m in row))
    meta = Table(title=f"meta-gradient through one step of rate {RATE:g}, episodes of {META_HORIZON} steps")
    meta.add_column("estimator")
    for c in COUNTS:
        meta.add_column(f"{c} episode" + "s" * (c > 1), justify="right")
    for name, row in found.meta.items():
        meta.add_row(name, *(_cell(m) for m in row))
    meta.caption = "bias (standard deviation), over the norm of the exact value; nothing is sampled"
    return Group(second, "", meta)


def _cell(m: Moments) -> str:
    return f"{m.bias if m.bias > 1e-9 else 0:.2f} ({m.deviation:.1f})"


def plot(found: Estimators, path: Path) -> None:
    """Above: bias. Below: standard deviation. Left: the second derivative. Right: the meta-gradient."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained", sharex="col")
    columns = (
        (axes[:, 0], HORIZONS, found.second, "second derivative, one episode", "steps of an episode"),
        (axes[:, 1], COUNTS, found.meta, f"meta-gradient, rate {RATE:g}", "episodes of the inner step"),
    )
    for (above, below), at, rows, title, xlabel in columns:
        for name, row in rows.items():
            _line(above, at, [m.bias for m in row], name)
            _line(below, at, [m.deviation for m in row], name)
        above.set(title=title, ylabel="bias / size", ylim=(-0.02, None))
        below.set(xlabel=xlabel, ylabel="standard deviation / size", yscale="log", xticks=at)
        above.legend(frameon=False)
    for name, row in found.bare.items():
        _line(axes[1, 0], HORIZONS, [m.deviation for m in row], name, ":")
    axes[1, 0].set_title("dotted: without a baseline", fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _line(axes: Axes, at: tuple[int, ...], values: list[float], name: str, style: str = "-") -> None:
    axes.plot(at, values, f"o{style}", color=COLORS[name], label=name if style == "-" else None, markersize=4)
