"""A derivative by hand against that of a plain loop over steps, which autograd differentiates."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.nn.cores import GRU, run
from agents.nn.gru_sequence import BLOCK, GRUSequence
from agents.records import Params

INPUTS, HIDDEN = 3, 5


def problem(steps: int, count: int, dtype: torch.dtype) -> tuple[Params, Params, Tensor, Tensor]:
    """Weights, the memory of each sequence, inputs, and what the states are weighted by in a loss."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    theta = GRU(INPUTS, HIDDEN).init(generator)
    theta = {k: (v + 0.3 * normal(*v.shape)).to(dtype).requires_grad_() for k, v in theta.items()}
    memory = {"h": normal(count, HIDDEN).requires_grad_()}
    return theta, memory, normal(steps, count, INPUTS).requires_grad_(), normal(steps, count, HIDDEN)


@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, 2 * BLOCK + 3])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_states_and_gradients_are_those_of_a_loop(steps: int, dtype: torch.dtype, within: float) -> None:
    theta, memory, x, weights = problem(steps, 4, dtype)
    leaves = {**theta, **memory, "x": x}
    outcomes = []
    for fused in (True, False):
        last, states = run(GRU(INPUTS, HIDDEN), theta, memory, x, fused)
        loss = (weights * states).sum() / steps + last["h"].square().sum()
        outcomes.append([states, last["h"], *torch.autograd.grad(loss, list(leaves.values()))])
    for name, mine, plain in zip(("states", "last", *leaves), *outcomes, strict=True):
        assert torch.allclose(mine, plain, rtol=within, atol=within), name


def test_a_memory_that_all_share_gets_the_sum_of_their_gradients() -> None:
    theta, _, x, weights = problem(4, 3, torch.float64)
    h = torch.full((HIDDEN,), 0.3, dtype=torch.float64, requires_grad=True)
    (mine,), (plain,) = (
        torch.autograd.grad((weights * run(GRU(INPUTS, HIDDEN), theta, {"h": h}, x, fused)[1]).sum(), h)
        for fused in (True, False)
    )
    torch.testing.assert_close(mine, plain, rtol=1e-12, atol=1e-12)


def test_equal_calls_are_equal_to_the_bit_with_and_without_gradients() -> None:
    theta, memory, x, weights = problem(2 * BLOCK + 3, 4, torch.float32)
    core, gradients = GRU(INPUTS, HIDDEN), []
    for _ in range(2):
        states = run(core, theta, memory, x, fused=True)[1]
        gradients.append(torch.autograd.grad((weights * states).sum(), list(theta.values())))
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    fixed, start = ({k: v.detach() for k, v in p.items()} for p in (theta, memory))
    assert torch.equal(run(core, fixed, start, x.detach(), fused=True)[1], states)


def test_inputs_that_need_no_gradient_cost_none() -> None:
    theta, memory, x, _ = problem(3, 2, torch.float32)
    states = run(GRU(INPUTS, HIDDEN), theta, memory, x.detach(), fused=True)[1]
    assert states.grad_fn is not None
    assert states.grad_fn.next_functions[0][0] is None


def test_a_second_derivative_is_refused() -> None:
    theta, memory, x, _ = problem(3, 2, torch.float64)
    states: Tensor = GRUSequence.apply(x, memory["h"], *theta.values())  # type: ignore[no-untyped-call]
    (gradient,) = torch.autograd.grad(states.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()  # type: ignore[no-untyped-call]
