"""SNAIL against a plain loop over steps and blocks, and what it can look back to."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from agents.learner import Params
from agents.memory import SNAIL

CORE = SNAIL(inputs=3, filters=2, keys=4, blocks=2, length=4)


def weights() -> tuple[Params, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    theta = CORE.init(generator)
    return {k: torch.randn(v.shape, generator=generator, dtype=torch.float64) for k, v in theta.items()}, generator


def features(theta: Params, x: Tensor) -> Tensor:
    initial_state = {k: v.double() for k, v in CORE.initial_state(theta).items()}
    return CORE.run(theta, initial_state, CORE.project_input(theta, x))[1]


def by_loops(theta: Params, x: Tensor) -> Tensor:
    """One sequence [L, I], with vectors and sums alone (Mishra et al. 2018, section 3.1, algorithms 1 to 3)."""
    rows = [theta["embed.weight"] @ v + theta["embed.bias"] for v in x]
    for block in range(2):
        for i in range(2):  # dilations 1 and 2 reach over four steps
            w, b, d = theta[f"conv{block}.{i}.weight"], theta[f"conv{block}.{i}.bias"], 2**i
            made = []
            for t, row in enumerate(rows):
                before = rows[t - d] if t >= d else torch.zeros_like(row)
                out = w @ torch.cat([before, row]) + b
                made.append(torch.cat([row, out[:2].sigmoid() * out[2:].tanh()]))
            rows = made
        w, b = theta[f"attention{block}.weight"], theta[f"attention{block}.bias"]
        projected = [w @ row + b for row in rows]
        made = []
        for t, row in enumerate(rows):
            near = range(max(0, t - 3), t + 1)
            odds = torch.stack([projected[t][:4] @ projected[s][4:8] / math.sqrt(4) for s in near]).exp()
            picked = sum(p * projected[s][8:] for p, s in zip(odds / odds.sum(), near, strict=True))
            made.append(torch.cat([row, torch.as_tensor(picked)]))
        rows = made
    return torch.stack(rows)


def test_it_is_what_plain_loops_say() -> None:
    theta, generator = weights()
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(features(theta, x), by_loops(theta, x))
    assert features(theta, x).shape[-1] == CORE.dim


def test_nothing_is_seen_before_it_comes() -> None:
    theta, generator = weights()
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    later = x.clone()
    later[4] += 1
    before, after = features(theta, x), features(theta, later)
    assert torch.equal(before[:4], after[:4])
    assert (before[4:] != after[4:]).any(-1).all()


def test_sequences_side_by_side_do_not_meet() -> None:
    theta, generator = weights()
    x = torch.randn(5, 2, 3, 3, generator=generator, dtype=torch.float64)
    together = features(theta, x)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[:, i, j], features(theta, x[:, i, j]))
