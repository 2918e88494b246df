"""Bias and standard deviation of estimators that differentiate a policy gradient, where the exact value is known (see
`agents.optimization.tabular`).

Two questions. The second derivative of the return, estimated from one episode, by the length of the episode. The
meta-gradient through one inner step on a few episodes, by their number: what MAML follows, and where the sampling of
these episodes itself has a gradient that only E-MAML accounts for.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch

from agents.learner import Exploration, Objective, Params
from agents.objectives import dice, exploration_credit, policy_gradient, score_function
from agents.optimization.tabular import Moments, Tabular, meta_gradient, second_derivative
from envs.wording import count_of
from metarl.evaluation.text_table import TextTable

STATES, ACTIONS, RATE = 3, 2, 0.3  # chosen
HORIZONS = (1, 2, 3, 4, 5, 6)  # 64 episodes at most
META_HORIZON, COUNTS = 3, (1, 2, 3, 4)  # 8 episodes, 4096 choices of four


class Estimator(NamedTuple):
    """One way to differentiate a policy gradient."""

    name: str
    objective: Objective
    exploration: Exploration | None = None
    first_order: bool = False


_credit = partial(exploration_credit, normalise=False)

SECOND = (Estimator("loglik", score_function), Estimator("lvc", policy_gradient), Estimator("dice", dice))
META = (
    *SECOND,
    Estimator("emaml", score_function, _credit),
    Estimator("first_order", policy_gradient, None, first_order=True),
)

Curves = dict[str, list[Moments]]
"""By estimator, then by the length or the number of episodes."""


class EstimatorErrors(NamedTuple):
    """Medians over decision processes."""

    processes: int
    second: Curves  # with the expected return as baseline
    bare: Curves  # without a baseline
    meta: Curves

    def to_json(self) -> dict[str, Any]:
        """All numbers, in units of the norm of the exact value."""
        return {
            "processes": self.processes,
            "second_derivative": {"steps": HORIZONS, "baseline": _json(self.second), "bare": _json(self.bare)},
            "meta_gradient": {"episodes": COUNTS, "rate": RATE, "steps": META_HORIZON, **_json(self.meta)},
        }


def _json(curves: Curves) -> dict[str, Any]:
    return {k: [{"bias": m.bias, "deviation": m.deviation} for m in row] for k, row in curves.items()}


def measure(processes: int, seed: int) -> EstimatorErrors:
    """Errors on so many random decision processes, each with a random policy."""
    generator = torch.Generator().manual_seed(seed)
    seeds = torch.randint(2**31, (processes,), generator=generator).tolist()

    def second(estimator: Estimator, horizon: int, baseline: bool) -> Moments:
        return _median([second_derivative(*_random(horizon, s), estimator.objective, baseline) for s in seeds])

    def meta(estimator: Estimator, count: int) -> Moments:
        e, processes = estimator, [_random(META_HORIZON, s) for s in seeds]
        return _median([meta_gradient(*p, e.objective, e.exploration, count, RATE, e.first_order) for p in processes])

    return EstimatorErrors(
        processes,
        {e.name: [second(e, h, True) for h in HORIZONS] for e in SECOND},
        {e.name: [second(e, h, False) for h in HORIZONS] for e in SECOND},
        {e.name: [meta(e, c) for c in COUNTS] for e in META},
    )


def _random(horizon: int, seed: int) -> tuple[Tabular, Params]:
    """A random decision process and a random policy."""
    generator = torch.Generator().manual_seed(seed)
    process = Tabular(STATES, ACTIONS, horizon, generator)
    return process, process.init(generator)


def _median(moments: list[Moments]) -> Moments:
    biases, deviations = (torch.tensor([getattr(m, k) for m in moments]) for k in ("bias", "deviation"))
    return Moments(moments[0].mean, biases.median().item(), deviations.median().item())


def tables(errors: EstimatorErrors) -> list[TextTable]:
    """Bias and standard deviation, in units of the norm of the exact value."""
    processes = count_of(errors.processes, "process", "processes")
    title = f"second derivative of the return from one episode: median of {processes}"
    rows = _rows(errors.second) + [[f"{name}, no baseline", *row] for name, *row in _rows(errors.bare)]
    headers = ["estimator", *(f"{h} step{'s' if h > 1 else ''}" for h in HORIZONS)]
    second = TextTable(title, headers, rows, [], align="lr")
    title = f"meta-gradient through one step of rate {RATE:g}, episodes of {META_HORIZON} steps"
    headers = ["estimator", *(f"{c} episode{'s' if c > 1 else ''}" for c in COUNTS)]
    note = "bias (standard deviation), over the norm of the exact value; nothing is sampled"
    return [second, TextTable(title, headers, _rows(errors.meta), [note], align="lr")]


def _rows(curves: Curves) -> list[list[str]]:
    return [[name, *(f"{m.bias if m.bias > 1e-9 else 0:.2f} ({m.deviation:.1f})" for m in row)]
            for name, row in curves.items()]  # fmt: skip
