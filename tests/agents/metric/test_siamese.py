"""Siamese networks against numbers worked out by hand: Koch's network, the distance, the pairs and the penalty."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Params, SupervisedTask, mean_over_tasks
from agents.metric import Siamese
from agents.nn.embeddings import Conv4
from agents.nn.koch import Koch
from envs.core import Examples
from tests.agents.images import QUERY, SUPPORT, Identity

THETA = {"distance": torch.tensor([-1.0, -2.0]), "offset": torch.tensor(3.0)}


@pytest.fixture(scope="module")
def koch() -> Params:
    return Koch().init(torch.Generator().manual_seed(0))


def test_kochs_maps_have_the_sizes_of_figure_4(koch: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """105 -> 96 -> 48 -> 42 -> 21 -> 18 -> 9 -> 6, and 256 * 36 = 9216 numbers -> 4096."""
    seen: list[tuple[int, ...]] = []

    def watched(own: Callable[..., Tensor], x: Tensor, *rest: Any) -> Tensor:
        out = own(x, *rest)
        seen.extend([tuple(x.shape[1:]), tuple(out.shape[1:])])
        return out

    for name in ("conv2d", "max_pool2d", "linear"):
        monkeypatch.setattr(F, name, partial(watched, getattr(F, name)))
    x = torch.rand(1, 1, 105, 105, generator=torch.Generator().manual_seed(1))
    z, stats = Koch()(koch, x, return_stats=True)
    maps = [(1, 105), (64, 96), (64, 48), (128, 42), (128, 21), (128, 18), (128, 9), (256, 6)]
    shapes = [(c, side, side) for c, side in maps]
    pairs = [shape for before, after in pairwise(shapes) for shape in (before, after)]
    assert seen == [*pairs, (9216,), (4096,)]
    assert z.shape == (1, 4096)
    assert 0 <= z.min() < z.max() <= 1
    assert stats == {}


def test_kochs_network_is_torchs_own_layers(koch: Params) -> None:
    """Two drawings through a Sequential with the same weights; neither speaks of the other."""
    nn = torch.nn
    layers = nn.Sequential(
        *(nn.Conv2d(1, 64, 10), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(128, 256, 4), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(9216, 4096), nn.Sigmoid()),
    )
    layers.load_state_dict(dict(zip(layers.state_dict(), koch.values(), strict=True)))
    x = torch.rand(2, 1, 105, 105, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(Koch()(koch, x).z, layers(x), atol=1e-5)
        assert torch.allclose(Koch()(koch, x[:1], {"conv0.mean": x}).z, layers(x)[:1], atol=1e-5)


def test_kochs_weights_are_drawn_as_in_section_3_2(koch: Params, generator: torch.Generator) -> None:
    """Filters N(0, 0.01), biases N(0.5, 0.01), layers N(0, 0.2), the last one too; five standard errors."""
    theta = koch | Siamese(Wide(), 2, "none", "normal").init(generator)
    for name, value in theta.items():
        mean = 0.5 if name.endswith("bias") or name == "offset" else 0.0
        sd = 0.2 if name in ("dense.weight", "distance") else 0.01
        assert value.double().mean().item() == pytest.approx(mean, abs=5 * sd / value.numel() ** 0.5), name
        if value.numel() > 1:
            assert value.double().std().item() == pytest.approx(sd, rel=5 / (2 * value.numel()) ** 0.5), name


class Wide(Identity):
    dim = 4096


def test_at_first_near_means_alike(generator: torch.Generator) -> None:
    """Odds 5 where nothing differs, 0 where features are one half apart on the mean, -5 at a whole."""
    learner = Siamese(Identity(), way=3)
    support = Examples(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1, 2]))
    theta = learner.init(generator)
    odds = learner.apply(theta, learner.adapt(theta, {}, support), torch.zeros(1, 2))
    assert odds.tolist() == [[5.0, 0.0, -5.0]]


def test_odds_are_a_weighted_distance() -> None:
    """a = (-1, -2), b = 3: from (1, 1) to (0, 0) odds 3 - 1 - 2 = 0, to (0, 2) the same; to (4, 0) -2, to (4, 4) -6."""
    learner = Siamese(Identity(), way=2)
    phi = learner.adapt(THETA, {}, SUPPORT)
    assert learner.pair_logits(THETA, phi, QUERY.x).tolist() == [[0.0, -2.0, 0.0, -6.0]]
    assert learner.apply(THETA, phi, QUERY.x).tolist() == [[0.0, -4.0]]


def test_the_nearest_item_decides_where_the_mean_says_otherwise() -> None:
    """Items of class 0 lie at the query and at 9, those of class 1 at 2 and at 3; odds are minus the distance."""
    theta = {"distance": torch.tensor([-1.0, 0.0]), "offset": torch.tensor(0.0)}
    support = Examples(torch.tensor([[0.0, 0.0], [9.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 0, 1, 1]))
    odds = {}
    for rule in ("mean", "nearest"):
        learner = Siamese(Identity(), way=2, rule=rule)  # type: ignore[arg-type]
        odds[rule] = learner.apply(theta, learner.adapt(theta, {}, support), torch.zeros(1, 2)).tolist()
    assert odds == {"mean": [[-4.5, -2.5]], "nearest": [[0.0, -2.0]]}


def test_with_nearest_each_pair_is_verified_by_itself() -> None:
    """Odds 0, -2, 0 and -6, the first and third alike: 1/4 (2 log 2 + log(1 + e^-2) + log(1 + e^-6)); with one shot
    the loss is that of the mean."""
    learner = Siamese(Identity(), way=2, rule="nearest")
    expected = 0.25 * (2 * math.log(2) + math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-6)))
    assert learner.loss(THETA, SupervisedTask((SUPPORT,), QUERY)).item() == pytest.approx(expected, abs=1e-6)
    support = Examples(SUPPORT.x[[3, 0, 1]], torch.tensor([2, 0, 1]))
    one = SupervisedTask((support,), QUERY)
    losses = [Siamese(Identity(), 3, rule=rule).loss(THETA, one).item() for rule in ("mean", "nearest")]  # type: ignore[arg-type]
    assert losses[0] == pytest.approx(losses[1])


def test_pairs_are_half_alike() -> None:
    """Of three classes, odds 0, -2 and -6: alike log 2, unlike the mean of log(1 + e^-2) and log(1 + e^-6)."""
    learner = Siamese(Identity(), way=3)
    support = Examples(SUPPORT.x[[3, 0, 1]], torch.tensor([2, 0, 1]))
    unlike = [math.log(1 + math.exp(odds)) for odds in (-2, -6)]
    expected = 0.5 * math.log(2) + 0.5 * sum(unlike) / 2
    assert learner.loss(THETA, SupervisedTask((support,), QUERY)).item() == pytest.approx(expected, abs=1e-6)


def test_what_a_query_learns_is_what_random_unlike_pairs_teach_on_average(generator: torch.Generator) -> None:
    """The loss is the mean over every choice of one unlike pair a query, by a loop over those choices."""
    learner = Siamese(Identity(), way=4)
    support = Examples(torch.randn(4, 2, generator=generator), torch.tensor([2, 0, 3, 1]))
    query = Examples(torch.randn(5, 2, generator=generator), torch.tensor([0, 1, 1, 3, 2]))
    odds = learner.apply(THETA, learner.adapt(THETA, {}, support), query.x)
    losses = []
    for shift in (1, 2, 3):  # over all queries each other class comes once
        for row, label in zip(odds, query.y.tolist(), strict=True):
            losses.append(F.softplus(-row[label]) / 2 + F.softplus(row[(label + shift) % 4]) / 2)
    assert learner.loss(THETA, SupervisedTask((support,), query)).item() == pytest.approx(
        torch.stack(losses).mean().item()
    )


def test_the_penalty_is_on_squared_weights_by_layer(generator: torch.Generator) -> None:
    """0.1 (1 + 4) for the distance alone; with 0.5 for filters, 0.5 times their squares more; gradient 2 * 0.1 * w."""
    plain, costly = Siamese(Identity(), 2), Siamese(Identity(), 2, l2=(("distance", 0.1),))
    task = SupervisedTask((SUPPORT,), QUERY)
    assert costly.penalty(THETA).item() == pytest.approx(0.5)
    assert (costly.loss(THETA, task) - plain.loss(THETA, task)).item() == pytest.approx(0.5)
    pulled = torch.func.grad(costly.penalty)(THETA)
    assert pulled["distance"].tolist() == pytest.approx([-0.2, -0.4])
    assert pulled["offset"].item() == 0
    both = Siamese(Conv4(4), 2, l2=(("conv1.weight", 0.5), ("distance", 0.1)))
    theta = both.init(generator)
    by_hand = 0.5 * (theta["conv1.weight"] ** 2).sum() + 0.1 * (theta["distance"] ** 2).sum()
    assert both.penalty(theta).item() == pytest.approx(by_hand.item())


def test_the_penalty_is_paid_once_whatever_the_number_of_tasks() -> None:
    """Side by side under vmap, three tasks alike have the loss of one."""
    learner = Siamese(Identity(), 2, l2=(("distance", 0.1),))
    three = SupervisedTask(
        (Examples(*(t.expand(3, *t.shape) for t in SUPPORT)),), Examples(*(t.expand(3, *t.shape) for t in QUERY))
    )
    alone = learner.loss(THETA, SupervisedTask((SUPPORT,), QUERY)).item()
    assert mean_over_tasks(learner.loss, THETA, three).item() == pytest.approx(alone)
