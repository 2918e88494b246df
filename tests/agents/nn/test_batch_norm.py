"""Batch normalisation against torch's own and against its formula, in every derivative, with and without tasks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.batch_norm import EPS, batch_norm


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def plain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + EPS).sqrt() * scale[:, None, None] + shift[:, None, None]


def test_value_and_derivatives_are_those_of_torch() -> None:
    x, scale, shift = draw(4, 3, 5, 5), draw(3), draw(3) + 1
    ours, torchs = batch_norm(x, scale, shift), F.batch_norm(x, None, None, scale, shift, training=True)
    torch.testing.assert_close(ours, torchs)
    inputs = tuple(t.requires_grad_() for t in (x, scale, shift))
    assert torch.autograd.gradcheck(batch_norm, inputs)
    assert torch.autograd.gradgradcheck(batch_norm, inputs)


def test_a_gradient_step_of_many_tasks_is_differentiated_rightly() -> None:
    """Where torch's own batch normalisation is wrong: the second derivative under vmap, weights of each task apart."""

    def adapted(norm, scale: Tensor, x: Tensor) -> Tensor:  # noqa: ANN001
        shift = torch.zeros_like(scale)
        step = torch.func.grad(lambda s: norm(x.sin() * s[:, None, None], s, shift).pow(3).mean())(scale)
        return norm(x * (scale - step)[:, None, None], scale - step, shift).square().mul(x.exp()).mean()

    x, scale = draw(3, 4, 2, 5, 5), draw(2)
    found = []
    for norm in (batch_norm, plain):
        leaf = scale.clone().requires_grad_()
        torch.func.vmap(lambda a, norm=norm, leaf=leaf: adapted(norm, leaf, a))(x).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-9)


def test_the_third_derivative_too() -> None:
    """Where the second derivative has to know that the statistics depend on the maps."""
    x, scale = draw(3, 2, 4, 4), draw(2)

    def third(norm) -> Tensor:  # noqa: ANN001
        def first(at: Tensor) -> Tensor:
            return torch.func.grad(lambda x: norm(x, scale, scale).pow(3).mean())(at)

        def second(at: Tensor) -> Tensor:
            return torch.func.grad(lambda x: first(x).sin().square().sum())(at)

        return torch.func.grad(lambda x: second(x).square().sum())(x)

    torch.testing.assert_close(third(batch_norm), third(plain), rtol=1e-9, atol=1e-9)
