"""Pooling against torch's own, in every derivative, with and without tasks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.layout import channels_last
from agents.nn.pooling import max_pool


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def test_value_and_derivatives_are_those_of_torch() -> None:
    """An odd side, whose last row and column are left out, too."""
    for side in (4, 5):
        x = draw(2, 3, side, side).requires_grad_()
        torch.testing.assert_close(max_pool(x), F.max_pool2d(x, 2))
        assert torch.autograd.gradcheck(max_pool, x)
        assert torch.autograd.gradgradcheck(lambda a: max_pool(a).pow(3), x)


def test_of_equal_pixels_the_first_gets_the_gradient() -> None:
    """Every way in which four pixels can be equal, or one larger than another, in maps with an odd side."""
    values = torch.arange(3.0)
    x = torch.zeros(81, 1, 5, 5)
    x[..., 2:4, :2] = torch.cartesian_prod(values, values, values, values).view(81, 1, 2, 2)
    x.requires_grad_()
    ours, torchs = (torch.autograd.grad(pool(x).sum(), x)[0] for pool in (max_pool, lambda a: F.max_pool2d(a, 2)))
    assert torch.equal(ours, torchs)
    assert ours[0, 0, 2, :2].tolist() == [1, 0]


def test_a_gradient_step_of_many_tasks_is_differentiated_as_one_after_the_other() -> None:
    weight, x = draw(2, 1, 3, 3), draw(4, 3, 1, 6, 6)

    def adapted(weight: Tensor, x: Tensor) -> Tensor:
        def loss(w: Tensor) -> Tensor:
            return max_pool(F.conv2d(x, w, padding=1)).pow(3).mean()

        return loss(weight - 0.1 * torch.func.grad(loss)(weight))

    together, alone = (weight.clone().requires_grad_() for _ in range(2))
    torch.func.vmap(adapted, in_dims=(None, 0))(together, x).sum().backward()
    for task in x:
        adapted(alone, task).backward()
    torch.testing.assert_close(together.grad, alone.grad)


def test_channels_last_keeps_second_derivatives_under_vmap() -> None:
    """Of the sum of (d/dx sum x^3)^2 = 9 x^4, through the change of order: 36 x^3."""

    def inner(x: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda v: channels_last(v).pow(3).sum())(x).square().sum()

    x = torch.rand(3, 2, 4, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(inner))(x), 36 * x**3)
    x.requires_grad_()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)  # of d/ds 9 s^2 x^4 with x = s times the pixels

    def scaled(v: torch.Tensor) -> torch.Tensor:
        return inner(scale * v)

    (outer,) = torch.autograd.grad(torch.func.vmap(scaled)(x).sum(), scale)
    torch.testing.assert_close(outer, (36 * scale**3 * x**4).sum())
    assert channels_last(x[0]).is_contiguous(memory_format=torch.channels_last)
