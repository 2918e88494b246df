"""A policy whose weights are generated."""

from __future__ import annotations

import pytest
import torch

from agents.nn.hypernetwork import HypernetworkPolicy
from agents.nn.perceptrons import CategoricalMLP, GaussianMLP
from agents.records import Params

DIM, STATE, REST, ACT = 4, 3, 2, 2


def policy_of(observes_memory: bool = False, activation: str = "tanh") -> HypernetworkPolicy:
    inputs = STATE + DIM * observes_memory
    return HypernetworkPolicy(GaussianMLP(inputs, ACT, (5, 6), 0.5, activation), DIM, STATE, 7, observes_memory)  # type: ignore[arg-type]  # a name


def moved(policy: HypernetworkPolicy, generator: torch.Generator) -> Params:
    return {k: v + 0.3 * torch.randn(v.shape, generator=generator) for k, v in policy.init(generator).items()}


def test_at_first_every_memory_gives_the_base_policy(generator: torch.Generator) -> None:
    policy = policy_of()
    params = policy.init(torch.Generator().manual_seed(1))
    base = policy.base.init(torch.Generator().manual_seed(1))
    x = torch.randn(6, DIM + STATE + REST, generator=generator)
    torch.testing.assert_close(policy(params, x).mean, policy.base(base, x[:, DIM : DIM + STATE]).mean)


@pytest.mark.parametrize("observes_memory", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "elu"])
def test_rows_equal_the_base_policy_with_the_weights_of_each(
    observes_memory: bool, activation: str, generator: torch.Generator
) -> None:
    policy = policy_of(observes_memory, activation)
    params = moved(policy, generator)
    x = torch.randn(3, 4, DIM + STATE + REST, generator=generator)
    out = policy(params, x)
    for i in range(3):
        for j in range(4):
            memory, state = x[i, j, :DIM], x[i, j, DIM : DIM + STATE]
            z = (params["embed.weight"] @ memory + params["embed.bias"]).tanh()
            flat = params["generated.weight"] @ z + params["generated.bias"]
            weights, start = {"log_std": params["log_std"]}, 0
            for name, like in policy.base.init(generator).items():
                if name != "log_std":
                    weights[name] = flat[start : start + like.numel()].view(like.shape)
                    start += like.numel()
            assert start == len(flat)
            seen = torch.cat([state, memory]) if observes_memory else state
            expected = policy.base(weights, seen[None])
            torch.testing.assert_close(out.mean[i, j], expected.mean[0], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(out.log_std[i, j], expected.log_std[0])


def with_weights_of_each_row(policy: HypernetworkPolicy, params: Params, x: torch.Tensor) -> torch.Tensor:
    """Means [R, A] of rows x [R, ...], all weights [R, P] formed one after the other."""
    h, z = x[:, DIM : DIM + STATE], (x[:, :DIM] @ params["embed.weight"].T + params["embed.bias"]).tanh()
    flat = z @ params["generated.weight"].T + params["generated.bias"]  # [R, P]
    for i, (fan_in, fan_out) in enumerate([(STATE, 5), (5, 6), (6, ACT)]):
        weight, bias, flat = flat.tensor_split([fan_in * fan_out, (fan_in + 1) * fan_out], 1)
        h = torch.einsum("roi,ri->ro", weight.reshape(-1, fan_out, fan_in), h) + bias
        h = h if i == 2 else h.tanh()
    return h


def test_gradients_are_those_of_weights_formed_for_each_row(generator: torch.Generator) -> None:
    policy = policy_of()
    params = {k: v.double().requires_grad_() for k, v in moved(policy, generator).items() if k != "log_std"}
    x = torch.randn(9, DIM + STATE + REST, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(9, ACT, generator=generator, dtype=torch.float64)
    leaves = [*params.values(), x]
    mine = policy(params | {"log_std": torch.zeros(ACT)}, x).mean
    plain = with_weights_of_each_row(policy, params, x)
    torch.testing.assert_close(mine, plain, rtol=0, atol=1e-12)
    for a, b in zip(
        torch.autograd.grad((weights * mine.square()).sum(), leaves),
        torch.autograd.grad((weights * plain.square()).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_at_first_actions_do_not_depend_on_the_memory_by_a_single_bit(generator: torch.Generator) -> None:
    """Weights of zero times any embedding are 0, and nothing is rounded where 0 is added (Bias-HyperInit)."""
    policy = policy_of()
    params = policy.init(generator)
    states = torch.randn(40, STATE, generator=generator)
    one, other = (torch.cat([torch.randn(40, DIM, generator=generator), states], 1) for _ in range(2))
    assert torch.equal(policy(params, one).mean, policy(params, other).mean)


def test_tasks_of_a_vmap_are_those_of_a_loop(generator: torch.Generator) -> None:
    policy = policy_of()
    params = moved(policy, generator)
    x = torch.randn(3, 4, DIM + STATE + REST, generator=generator)
    mapped = torch.func.vmap(lambda rows: policy(params, rows).mean)(x)
    torch.testing.assert_close(mapped, torch.stack([policy(params, rows).mean for rows in x]))


def test_gradients_reach_the_memory_through_the_weights(generator: torch.Generator) -> None:
    policy = policy_of()
    x = torch.randn(5, DIM + STATE + REST, generator=generator, requires_grad=True)
    policy(moved(policy, generator), x).mean.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert (x.grad[:, :DIM] != 0).any()
    assert (x.grad[:, DIM + STATE :] == 0).all(), "last action, reward and end are seen by the memory alone"


def test_discrete_actions_have_logits(generator: torch.Generator) -> None:
    policy = HypernetworkPolicy(CategoricalMLP(STATE, 3, (5,)), DIM, STATE, 7, False)
    out = policy(moved(policy, generator), torch.randn(2, DIM + STATE, generator=generator))
    assert out.mean.shape == (2, 3)
