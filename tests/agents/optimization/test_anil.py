"""MAML that adapts the last layer only, against MAML with step sizes of zero."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from agents.learner import Episode
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import clipped_policy_gradient, policy_gradient
from agents.optimization import MAML
from tests.agents.quadratics import gradients
from tests.probes import random_transitions

TASKS, OBS, ACT = 3, 3, 2
NETWORK = GaussianMLP(OBS, ACT, hidden=(5,))


def experience() -> tuple[Episode, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    data = [random_transitions(TASKS, OBS, ACT, generator) for _ in range(2)]
    return Episode((data[0],), data[1]), generator


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
