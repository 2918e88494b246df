"""ResNet-12 against the same network from torch's own layers, under `vmap`, and through an inner step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from agents.nn.embeddings import ConvClassifier
from agents.nn.resnet import ResNet12
from agents.objectives import cross_entropy
from agents.optimization.maml import MAML
from agents.records import Params, map_tensors
from metarl.config.experiment import Config
from metarl.training.make import make_trainer
from tests.agents.images import supervised_tasks


class Block(nn.Module):
    """The block of the paper's figure, in torch's layers."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        sizes = [inputs, width, width, width]
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(sizes)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(width) for _ in range(3)])
        self.skip, self.skip_norm = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = norm(conv(h))
            h = nn.functional.leaky_relu(h, 0.1) if i < 2 else h
        return nn.functional.max_pool2d(nn.functional.leaky_relu(h + self.skip_norm(self.skip(x)), 0.1), 2)


def theirs(net: ResNet12, params: Params) -> tuple[nn.Module, dict[str, Tensor]]:
    blocks = nn.Sequential(*(Block(a, b) for a, b in zip(net.inputs, net.widths, strict=True))).double()
    weights = {}
    for i in range(4):
        names = [(f"conv{k}", f"convs.{k}", f"norms.{k}") for k in range(3)]
        for name, conv, norm in (*names, ("skip", "skip", "skip_norm")):
            own = f"block{i}.{name}"
            weights[f"{i}.{conv}.weight"] = params[f"{own}.weight"]
            weights[f"{i}.{norm}.weight"], weights[f"{i}.{norm}.bias"] = params[f"{own}.scale"], params[f"{own}.shift"]
    return blocks, weights


def made(channels: int = 2, image: tuple[int, int] = (3, 32)) -> tuple[ResNet12, Params]:
    net, rng = ResNet12(channels, image), torch.Generator().manual_seed(0)
    params = {k: v.double() for k, v in net.init(rng).items()}
    moved = {k: v + 0.1 * torch.randn(v.shape, generator=rng).double() for k, v in params.items()}
    return net, moved


@pytest.mark.parametrize("image", [(3, 84), (1, 28), (3, 33)])
def test_it_is_the_network_of_the_paper(image: tuple[int, int]) -> None:
    net, params = made(image=image)
    assert net.widths == (2, 5, 10, 20)
    x = torch.randn(3, *image[:1], image[1], image[1]).double()
    blocks, weights = theirs(net, params)
    expected = functional_call(blocks, weights, (x,)).mean((2, 3))
    z, stats = net(params, x, return_stats=True)
    torch.testing.assert_close(z, expected)
    torch.testing.assert_close(net(params, x, stats).z, expected)  # by the statistics of the same images
    assert len(stats) == 2 * 4 * 4


def test_the_first_widths_are_those_of_the_paper_and_outputs_start_at_a_normal_size() -> None:
    net = ResNet12()
    assert net.widths == (64, 160, 320, 640)
    z = net(net.init(torch.Generator().manual_seed(0)), torch.randn(4, 3, 84, 84)).z
    assert z.shape == (4, 640)
    assert 0.5 < z.mean().item() < 5


def test_under_vmap_every_task_has_its_own_weights() -> None:
    net, params = made()
    x = torch.randn(2, 3, 3, 32, 32).double()
    several = {k: torch.stack([v, 1.1 * v]) for k, v in params.items()}
    together = vmap(lambda p, x: net(p, x).z)(several, x)
    for i in range(2):
        torch.testing.assert_close(together[i], net({k: v[i] for k, v in several.items()}, x[i]).z)


def test_maml_differentiates_through_its_inner_step() -> None:
    """The derivative along a direction is that of finite differences."""
    learner = MAML(ConvClassifier(ResNet12(2, (1, 28)), 3), cross_entropy, cross_entropy, 0.01, 1)
    theta = {k: v.double() for k, v in learner.init(torch.Generator().manual_seed(0)).items()}
    theta["last.weight"] = torch.randn(theta["last.weight"].shape, generator=torch.Generator().manual_seed(1)).double()
    task = map_tensors(supervised_tasks(num=1), lambda t: t[0].double() if t.is_floating_point() else t[0])

    def loss(t: Params) -> Tensor:
        return learner.loss(t, task)

    direction = {k: torch.randn(v.shape, generator=torch.Generator().manual_seed(2)).double() for k, v in theta.items()}
    slope = sum((g * direction[k]).sum() for k, g in grad(loss)(theta).items())
    h = 1e-8  # larger ones cross kinks of the network
    up, down = (loss({k: v + s * h * direction[k] for k, v in theta.items()}) for s in (1, -1))
    torch.testing.assert_close(slope, (up - down) / (2 * h), rtol=1e-4, atol=1e-6)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="15 pixels are too few, give 16"):
        ResNet12(4, (3, 15))
    with pytest.raises(ValueError, match="3 channels in its first block, expected an even number"):
        ResNet12(3)


@pytest.mark.parametrize("name", ["prototypical_images", "matching_fce_omniglot", "maml_omniglot"])
def test_learners_train_with_it(name: str, small: Callable[..., Config]) -> None:
    trainer = make_trainer(small(name, learner__embedding={"network": "resnet12", "channels": 2}))
    for _ in range(2):
        trainer.iterate()
    assert all(v.isfinite().all() for v in trainer.theta.values())
    assert "block3.skip.weight" in trainer.theta
