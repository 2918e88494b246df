"""Networks with a context: against torch's layers, and CAVIA's inner steps on images against a loop of autograd."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.nn.conditioned import FilmClassifier
from agents.nn.embeddings import Conv4
from agents.objectives import cross_entropy
from agents.optimization import CAVIA
from agents.records import Params, map_tensors
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.training.make import make_trainer
from tests.agents.images import one_task, supervised_tasks
from tests.agents.quadratics import gradients

CONTEXT, WAY = 4, 3


def network() -> FilmClassifier:
    return FilmClassifier(Conv4(6, "stride"), WAY, CONTEXT)


def by_layers(params: Params, x: Tensor, context: Tensor) -> Tensor:
    """Four blocks in torch's layers; maps of the third are scaled and shifted between normalisation and ReLU."""
    for i in range(4):
        x = F.conv2d(x, params[f"conv{i}.weight"], stride=2, padding=1)
        x = F.batch_norm(x, None, None, params[f"conv{i}.scale"], params[f"conv{i}.shift"], training=True)
        if i == 2:
            film = params["film.weight"] @ context
            x = x * (1 + film[:6, None, None]) + film[6:, None, None]
        x = x.relu()
    return F.linear(x.mean((2, 3)), params["last.weight"], params["last.bias"])


def moved(net: FilmClassifier) -> Params:
    """Weights at which no scale is one and no shift is zero."""
    rng = torch.Generator().manual_seed(0)
    return {k: v.double() + 0.2 * torch.randn(v.shape, generator=rng).double() for k, v in net.init(rng).items()}


def test_film_classifier_against_torchs_layers() -> None:
    net, rng = network(), torch.Generator().manual_seed(1)
    theta, x = moved(net), torch.randn(5, 1, 28, 28, generator=rng).double()
    for context in (torch.randn(CONTEXT, generator=rng).double(), torch.zeros(CONTEXT).double()):
        torch.testing.assert_close(net(theta, x, context), by_layers(theta, x, context), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("first_order", [False, True])
def test_cavia_on_images_against_a_loop_of_autograd(first_order: bool) -> None:
    net, rate = network(), 0.7
    learner = CAVIA(net, CONTEXT, cross_entropy, cross_entropy, rate, inner_steps=2, first_order=first_order)
    theta = moved(net)
    tasks = map_tensors(supervised_tasks(2), lambda t: t.double() if t.is_floating_point() else t)
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    losses: list[Tensor] = []
    for i in range(2):
        task = one_task(tasks, i)
        (support,), context = task.support, torch.zeros(CONTEXT, dtype=torch.float64, requires_grad=True)
        for _ in range(2):
            loss = F.cross_entropy(by_layers(leaves, support.x, context), support.y)
            (step,) = torch.autograd.grad(loss, context, create_graph=not first_order)
            context = context - rate * step
        losses.append(F.cross_entropy(by_layers(leaves, task.query.x, context), task.query.y))
    expected = torch.autograd.grad(torch.stack(losses).mean(), list(leaves.values()))
    found = gradients(learner, theta, tasks)
    for name, wanted in zip(leaves, expected, strict=True):
        torch.testing.assert_close(found[name], wanted, rtol=1e-5, atol=1e-7)


def test_what_is_learned_is_how_to_use_the_context(small: Callable[..., Config]) -> None:
    """On sine waves: after training, steps of the context lower the error on unseen waves."""
    trainer = make_trainer(small("cavia_sinusoid", train__iterations=1000, train__num_tasks=25, outer__outer_lr=0.003))
    for _ in range(1000):
        last = trainer.iterate()
    assert last["loss"] < 1.5  # of zeros 3
    assert set(trainer.learner.initial_state(trainer.theta)) == {"context"}


def test_it_modulates_maps_of_conv4_alone(small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match="CAVIA modulates maps of conv4"):
        small("cavia_omniglot", learner__embedding={"network": "resnet12"})
