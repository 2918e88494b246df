"""CAVIA against a loop of autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.learner import Episode
from agents.nn.conditioned import Concatenated
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import kl_to_sampling, policy_gradient
from agents.optimization import CAVIA
from tests.agents.quadratics import gradients
from tests.probes import random_transitions

TASKS, OBS, ACT = 3, 3, 2


def experience() -> tuple[Episode, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    data = [random_transitions(TASKS, OBS, ACT, generator) for _ in range(2)]
    return Episode((data[0],), data[1]), generator


@pytest.mark.parametrize("first_order", [False, True])
def test_cavia_against_a_loop_of_autograd(first_order: bool) -> None:
    data, generator = experience()
    network, rate = GaussianMLP(OBS + 4, ACT, hidden=(5,)), 0.7
    learner = CAVIA(
        Concatenated(network),
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
