"""A transformer against a plain loop over steps and heads, what it can look back to, and its rotary positions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Params
from agents.learners.transformer import Settings
from agents.memory import Transformer
from agents.memory.transformer import rotate, rotations
from agents.nn.cores import run

CORE = Transformer(inputs=3, hidden=8, heads=2, layers=2, length=4)


def weights() -> tuple[Params, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    theta = CORE.init(generator)
    return {
        k: 0.7 * torch.randn(v.shape, generator=generator, dtype=torch.float64) for k, v in theta.items()
    }, generator


def inputs(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, 3, generator=generator, dtype=torch.float64)


def start(theta: Params) -> Params:
    return {k: v.double() for k, v in CORE.initial_state(theta).items()}


def features(theta: Params, x: Tensor, fused: bool = False) -> Tensor:
    return run(CORE, theta, start(theta), x, fused)[1]


def turned(v: Tensor, position: int) -> Tensor:
    """A head's four units as two complex numbers, times exp(i position) and exp(i position / 100)."""
    angles = position * torch.tensor([1.0, 0.01], dtype=torch.float64)
    pairs = torch.complex(v[:2], v[2:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag])


def by_loops(theta: Params, x: Tensor) -> Tensor:
    """One sequence [L, I], with vectors and sums alone."""

    def dense(name: str, v: Tensor) -> Tensor:
        return theta[f"{name}.weight"] @ v + theta[f"{name}.bias"]

    def normed(name: str, v: Tensor) -> Tensor:
        v = (v - v.mean()) / (v.var(correction=0) + 1e-5).sqrt()
        return v * theta[f"{name}.weight"] + theta[f"{name}.bias"]

    rows = [dense("embed", v) for v in x]
    for i in range(2):
        projected = [dense(f"attend{i}", normed(f"norm{i}.attention", row)).view(3, 2, 4) for row in rows]
        made = []
        for t, row in enumerate(rows):
            near, heads = range(max(0, t - 3), t + 1), []
            for h in range(2):
                query = turned(projected[t][0, h], t)
                odds = torch.stack([query @ turned(projected[s][1, h], s) / math.sqrt(4) for s in near]).exp()
                heads.append(sum(p * projected[s][2, h] for p, s in zip(odds / odds.sum(), near, strict=True)))
            after = row + dense(f"attended{i}", torch.cat([torch.as_tensor(h) for h in heads]))
            wide = F.gelu(dense(f"widen{i}", normed(f"norm{i}.perceptron", after)))
            made.append(after + dense(f"narrow{i}", wide))
        rows = made
    return torch.stack([normed("last_norm", row) for row in rows])


@pytest.mark.parametrize("fused", [False, True])
def test_it_is_what_plain_loops_say(fused: bool) -> None:
    theta, generator = weights()
    x = inputs(generator, 9, 1)
    torch.testing.assert_close(features(theta, x, fused)[:, 0], by_loops(theta, x[:, 0]))


@pytest.mark.parametrize("fused", [False, True])
def test_steps_and_pieces_are_the_sequence(fused: bool) -> None:
    """Also beyond `length`, in single precision, and with memories of different ages side by side."""
    theta, generator = weights()
    theta = {k: v.float() for k, v in theta.items()}
    x = inputs(generator, 11, 3).float()
    whole, expected = run(CORE, theta, CORE.initial_state(theta), x, fused)
    memory, out = CORE.initial_state(theta), []
    for projected in CORE.project_input(theta, x):
        memory, one = CORE.step(theta, memory, projected)
        out.append(one)
    torch.testing.assert_close(torch.stack(out), expected, rtol=1e-5, atol=1e-5)
    for split in (1, 3, 4, 7):
        memory, first = run(CORE, theta, CORE.initial_state(theta), x[:split], fused)
        memory, second = run(CORE, theta, memory, x[split:], fused)
        torch.testing.assert_close(torch.cat([first, second]), expected, rtol=1e-5, atol=1e-5)
        for name, value in memory.items():
            torch.testing.assert_close(value, whole[name], rtol=1e-5, atol=1e-5)
    old = run(CORE, theta, CORE.initial_state(theta), x[:2, :1])[0]
    new = {k: v.expand(1, *v.shape) for k, v in CORE.initial_state(theta).items()}
    both = {k: torch.cat([old[k], new[k]]) for k in old}
    out = run(CORE, theta, both, torch.stack([x[2:, 0], x[2:, 1]], 1), fused)[1]
    torch.testing.assert_close(out[:, 0], expected[2:, 0], rtol=1e-5, atol=1e-5)
    alone = run(CORE, theta, CORE.initial_state(theta), x[2:, 1:2], fused)[1]
    torch.testing.assert_close(out[:, 1], alone[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_reach_exactly_the_steps_in_sight(fused: bool) -> None:
    """Two layers of a window of four steps: step t depends on t - 6 to t."""
    theta, generator = weights()
    x = inputs(generator, 12, 1).requires_grad_()
    for t in range(12):
        (seen,) = torch.autograd.grad(features(theta, x, fused)[t, 0, 0], x)
        assert [s for s in range(12) if (seen[s] != 0).any()] == list(range(max(0, t - 6), t + 1))


def test_products_of_rotated_vectors_depend_on_their_distance_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 8, generator=generator, dtype=torch.float64)

    def product(at: float, then: float) -> Tensor:
        turns = [rotations(torch.tensor([p], dtype=torch.float64), 8) for p in (at, then)]
        return (rotate(q[None], turns[0]) * rotate(k[None], turns[1])).sum()

    torch.testing.assert_close(product(7, 5), product(902, 900))
    torch.testing.assert_close(product(3, 3), (q * k).sum())
    assert (product(7, 5) - product(7, 4)).abs() > 1e-2


def test_tasks_side_by_side_do_not_meet_and_vmap_gives_the_same_gradients() -> None:
    theta, generator = weights()
    x = inputs(generator, 5, 2, 3)
    together = features(theta, x)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[:, i, j], features(theta, x[:, i, j]))

    def loss(theta: Params, x: Tensor) -> Tensor:
        return features(theta, x)[..., 0].square().mean()

    mapped = torch.func.grad(lambda theta: torch.func.vmap(loss, (None, 1))(theta, x).mean())(theta)
    for name, value in torch.func.grad(loss)(theta, x).items():
        torch.testing.assert_close(mapped[name], value)


def test_heads_have_pairs_of_units() -> None:
    assert Settings(hidden=24, heads=4).build_core(3).dim == 24
    with pytest.raises(ValueError, match=r"hidden 20 with 4 heads.*multiple of 8"):
        Settings(hidden=20, heads=4)


def test_gradients_of_an_input_of_zeros_are_moderate() -> None:
    theta = CORE.init(torch.Generator().manual_seed(0))

    def loss(theta: Params) -> Tensor:
        return run(CORE, theta, CORE.initial_state(theta), torch.zeros(1, 1, 3))[1][..., 0].sum()

    assert all(v.norm() < 100 for v in torch.func.grad(loss)(theta).values())
