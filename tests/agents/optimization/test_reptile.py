"""Reptile: its gradient by hand on quadratics, under vmap, and against torch's Adam."""

from __future__ import annotations

import pytest
import torch

from agents.learner import Episode, mean_over_tasks
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import policy_gradient
from agents.optimization import Reptile
from tests.agents.quadratics import ALPHA, W, episode, meta_gradient, one_task
from tests.probes import Point, half_square, random_transitions


def test_reptile_gradient_is_theta_minus_phi_with_its_taylor_coefficients() -> None:
    """Two steps, losses 1/2 (w - s)^2 and 1/2 (w - q)^2 with g1 = 1.5, g2 = 3, H = 1.

    theta - phi = a (g1 + g2 - a H2 g1), exact on quadratics (Nichol et al. 2018, eq. 27).
    """
    learner = Reptile(Point(), half_square, ALPHA)
    expected = ALPHA * (1.5 + 3.0 - ALPHA * 1.5)
    assert meta_gradient(learner, episode(), w=W)["w"] == pytest.approx(expected)


def test_reptile_through_vmap_equals_the_mean_displacement(generator: torch.Generator) -> None:
    network = GaussianMLP(3, 2, hidden=(5,))
    learner = Reptile(network, policy_gradient, 0.2)
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    episodes = Episode((random_transitions(4, 3, 2, generator),), random_transitions(4, 3, 2, generator))
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    mean_over_tasks(learner.loss, leaves, episodes).backward()  # type: ignore[no-untyped-call]
    ends = []
    for i in range(4):
        phi = learner.adapt(theta, theta, one_task(episodes.support[0], i))
        ends.append(learner.adapt(theta, phi, one_task(episodes.query, i)))
    for k, leaf in leaves.items():
        expected = torch.stack([theta[k] - phi[k] for phi in ends]).mean(0)
        assert torch.allclose(leaf.grad, expected, atol=1e-12)  # type: ignore[arg-type]


def test_reptile_with_adam_takes_the_steps_of_torchs_adam_without_momentum() -> None:
    """Two tasks of three minibatches, one after the other: as torch.optim.Adam with beta_1 = 0 that goes on."""
    learner = Reptile(Point(), half_square, 0.05, inner_optimizer="adam", rounds=2)
    theta = learner.init(torch.Generator().manual_seed(0)) | {"w": torch.tensor([2.0])}
    leaf = theta["w"].clone().requires_grad_()
    adam = torch.optim.Adam([leaf], lr=0.05, betas=(0.0, 0.999))
    for data in (episode(0.5, 1.0), episode(-1.0, 0.3)):
        leaves = {k: v.double().requires_grad_() for k, v in theta.items()}
        learner.loss(leaves, data).backward()  # type: ignore[no-untyped-call]
        theta = {k: v.detach() - v.grad for k, v in leaves.items() if v.grad is not None}  # an outer step of 1
        for part in (*data.support, data.query):
            adam.zero_grad()
            half_square(Point()({"w": leaf.double()}, part.x), part).backward()
            adam.step()
    torch.testing.assert_close(theta["w"].float(), leaf.detach())
