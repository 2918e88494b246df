"""Learners that adapt a part of the weights, or a context: against autograd, and against MAML with rates of zero."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.learner import Episode, Params, mean_over_tasks
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import clipped_policy_gradient, kl_to_sampling, policy_gradient
from agents.optimization import CAVIA, MAML
from tests.probes import random_transitions

TASKS, OBS, ACT = 3, 3, 2
NETWORK = GaussianMLP(OBS, ACT, hidden=(5,))


def experience() -> tuple[Episode, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    data = [random_transitions(TASKS, OBS, ACT, generator) for _ in range(2)]
    return Episode((data[0],), data[1]), generator


def gradients(learner: MAML | CAVIA, theta: Params, data: Episode) -> Params:
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    mean_over_tasks(learner.loss, leaves, data).backward()  # type: ignore[no-untyped-call]
    return {k: v.grad for k, v in leaves.items() if v.grad is not None}


@pytest.mark.parametrize("first_order", [False, True])
def test_anil_is_maml_that_does_not_move_the_body(first_order: bool) -> None:
    data, generator = experience()
    maml = MAML(NETWORK, policy_gradient, clipped_policy_gradient(0.3), learn_inner_lr=True, first_order=first_order)
    theta = {k: v.double() for k, v in maml.init(generator).items()}
    still = {
        k: torch.zeros_like(v) for k, v in theta.items() if k.startswith("inner_lr.") and k[9:] not in NETWORK.head
    }
    anil = replace(maml, learn_inner_lr=False, adapted_params=NETWORK.head)
    weights = {k: v for k, v in theta.items() if not k.startswith("inner_lr.")}
    expected, found = gradients(maml, theta | still, data), gradients(anil, weights, data)
    assert set(found) == set(weights)
    for k, v in found.items():
        torch.testing.assert_close(v, expected[k])


def test_anil_keeps_and_learns_rates_of_the_head_alone() -> None:
    data, generator = experience()
    learner = MAML(NETWORK, policy_gradient, policy_gradient, learn_inner_lr=True, adapted_params=NETWORK.head)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    assert {k for k in theta if k.startswith("inner_lr.")} == {f"inner_lr.{k}" for k in NETWORK.head}
    assert set(learner.initial_state(theta)) == set(NETWORK.head) == {"layer1.weight", "layer1.bias"}
    support = type(data.query)(*(t[0] for t in data.support[0]))
    phi = learner.adapt(theta, learner.initial_state(theta), support)
    assert all((phi[k] != theta[k]).any() for k in NETWORK.head)


@pytest.mark.parametrize("first_order", [False, True])
def test_cavia_against_a_loop_of_autograd(first_order: bool) -> None:
    data, generator = experience()
    network, rate = GaussianMLP(OBS + 4, ACT, hidden=(5,)), 0.7
    learner = CAVIA(
        network,
        4,
        policy_gradient,
        policy_gradient,
        rate,
        inner_steps=2,
        first_order=first_order,
        support_penalty=kl_to_sampling,
        penalty_coef=0.1,
    )
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    losses: list[Tensor] = []
    for i in range(TASKS):
        support, query = (type(d)(*(t[i] for t in d)) for d in (data.support[0], data.query))
        context = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        out = network(leaves, torch.cat([support.x, context.expand(*support.x.shape[:-1], 4)], -1))
        penalty = 0.1 * kl_to_sampling(out, support)
        for _ in range(2):
            out = network(leaves, torch.cat([support.x, context.expand(*support.x.shape[:-1], 4)], -1))
            (step,) = torch.autograd.grad(policy_gradient(out, support), context, create_graph=not first_order)
            context = context - rate * step
        out = network(leaves, torch.cat([query.x, context.expand(*query.x.shape[:-1], 4)], -1))
        losses.append(policy_gradient(out, query) + penalty)
    expected = torch.autograd.grad(torch.stack(losses).mean(), list(leaves.values()))
    found = gradients(learner, theta, data)
    for (k, _), wanted in zip(leaves.items(), expected, strict=True):
        torch.testing.assert_close(found[k], wanted)
