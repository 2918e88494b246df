"""MAML, FOMAML and Reptile on images, against autograd in a plain loop."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Params, mean_over_tasks
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.objectives import cross_entropy
from agents.optimization import MAML, Reptile, Supervised
from tests.agents.images import one_task, supervised_tasks

NETWORK = ConvClassifier(Conv4(4, "stride"), 3)


def weights(generator: torch.Generator) -> Params:
    """With a last layer that is not zero, so that every weight counts from the first step."""
    theta = NETWORK.init(generator)
    theta["last.weight"] = torch.randn(3, NETWORK.embedding.dim, generator=generator)
    return {k: v.requires_grad_() for k, v in theta.items()}


@pytest.mark.parametrize("first_order", [False, True])
def test_maml_on_images_equals_an_autograd_loop_over_tasks(first_order: bool, generator: torch.Generator) -> None:
    """Two inner steps by torch.autograd.grad, task by task; the outer gradient of every weight."""
    theta, both = weights(generator), supervised_tasks(3, shot=2)
    learner = MAML(NETWORK, cross_entropy, cross_entropy, 0.4, 2, first_order=first_order)
    ours = torch.autograd.grad(mean_over_tasks(learner.loss, theta, both), list(theta.values()))
    total = torch.zeros(())
    for i in range(3):
        task, phi = one_task(both, i), dict(theta)
        for _ in range(2):
            loss = F.cross_entropy(NETWORK(phi, task.support[0].x), task.support[0].y)
            grads = torch.autograd.grad(loss, list(phi.values()), create_graph=not first_order)
            phi = {k: v - 0.4 * g for (k, v), g in zip(phi.items(), grads, strict=True)}
        total = total + F.cross_entropy(NETWORK(phi, task.query.x), task.query.y) / 3
    theirs = torch.autograd.grad(total, list(theta.values()))
    assert all(torch.allclose(a, b, atol=1e-4, rtol=1e-3) for a, b in zip(ours, theirs, strict=True))


def test_reptile_on_images_moves_towards_where_its_steps_end(generator: torch.Generator) -> None:
    theta, task = weights(generator), one_task(supervised_tasks(3, shot=2), 0)
    learner = Reptile(NETWORK, cross_entropy, 0.1, 2)
    grads = torch.autograd.grad(learner.loss(theta, task), list(theta.values()))
    phi: Params = {k: v.detach() for k, v in theta.items()}
    for data in (*task.support, task.query):
        phi = learner.adapt(phi, phi, data)
    assert all(torch.allclose(g, theta[k] - phi[k], atol=1e-6) for k, g in zip(theta, grads, strict=True))


def test_a_judged_classifier_takes_its_test_steps(generator: torch.Generator) -> None:
    theta = {k: v.detach() for k, v in weights(generator).items()}
    task = one_task(supervised_tasks(3, shot=2), 0)
    maml = MAML(NETWORK, cross_entropy, cross_entropy, 0.1, 1)
    phi = Supervised(maml, 3, test_steps=3).adapt(theta, theta, task.support[0])
    expected = theta
    for _ in range(3):
        expected = maml.adapt(theta, expected, task.support[0])
    assert all(torch.equal(phi[k], expected[k]) for k in phi)


def test_an_untrained_last_layer_favours_no_class(generator: torch.Generator) -> None:
    logits: Tensor = NETWORK(NETWORK.init(generator), torch.rand(4, 1, 28, 28, generator=generator))
    assert not logits.any()
