"""The metric learners against numbers worked out by hand or in another way."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask, map_tensors, mean_over_tasks
from agents.metric import Matching, Prototypical, Relation, Siamese
from agents.metric.matching import query_in_context, support_in_context
from agents.nn.cells import init_lstm
from agents.nn.embeddings import RUNNING, Conv4, Embedded
from agents.objectives import cross_entropy
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages


class Identity:
    """Pictures are their own features."""

    dim = 2

    def init(self, generator: torch.Generator) -> Params:
        return {}

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        return Embedded(x.flatten(1), {})


SUPPORT = Examples(torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 4.0]]), torch.tensor([0, 1, 0, 1]))
QUERY = Examples(torch.tensor([[1.0, 1.0]]), torch.tensor([0]))
LEARNERS: list[Learner[Tensor]] = [
    Prototypical(Conv4(8), 3),
    Matching(Conv4(8), 3),
    Matching(Conv4(8), 3, fce=True, distance="l2"),
    Siamese(Conv4(8), 3),
    Relation(3),
]


def test_prototypes_are_class_means_and_logits_squared_distances() -> None:
    """Means (0, 1) and (4, 2); from (1, 1) they are 1 and 9 + 1 = 10 away, squared."""
    learner = Prototypical(Identity(), way=2)
    phi = learner.adapt({}, {}, SUPPORT)
    assert phi["prototypes"].tolist() == [[0.0, 1.0], [4.0, 2.0]]
    assert learner.apply({}, phi, QUERY.x).tolist() == [[-1.0, -10.0]]
    loss = learner.loss({}, SupervisedTask((SUPPORT,), QUERY))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-9)), abs=1e-6)


def test_matching_attends_to_the_support_by_cosine() -> None:
    """Query (1, 1): cosines 0 (the zero vector), 1/sqrt 2, 1/sqrt 2 and 1, times the scale 10; labels 0 1 0 1."""
    learner = Matching(Identity(), way=2)
    theta = {"log_scale": torch.tensor(10.0).log()}
    out = learner.apply(theta, learner.adapt(theta, {}, SUPPORT), QUERY.x)
    weights = [math.exp(10 * c) for c in (0, 0.5**0.5, 0.5**0.5, 1)]
    expected = (weights[0] + weights[2]) / sum(weights)
    assert out.exp()[0].tolist() == pytest.approx([expected, 1 - expected], abs=1e-6)


def lstm(theta: Params, name: str) -> torch.nn.LSTM:
    """torch's own, with the same weights."""
    theirs = torch.nn.LSTM(2, 2, batch_first=False)
    for ours, attribute in (("input", "weight_ih_l0"), ("recurrent", "weight_hh_l0"), ("bias", "bias_ih_l0")):
        getattr(theirs, attribute).data.copy_(theta[f"{name}.{ours}"])
    theirs.bias_hh_l0.data.zero_()
    return theirs


def test_the_support_is_read_both_ways_as_by_torchs_own_lstm(generator: torch.Generator) -> None:
    theta = init_lstm("forwards", 2, 2, generator) | init_lstm("backwards", 2, 2, generator)
    z = torch.randn(5, 2, generator=generator)
    there, _ = lstm(theta, "forwards")(z[:, None])
    back, _ = lstm(theta, "backwards")(z.flip(0)[:, None])
    assert torch.allclose(support_in_context(theta, z), there[:, 0] + back[:, 0].flip(0) + z, atol=1e-6)
    turned = support_in_context(theta, z.flip(0)).flip(0)
    assert not torch.allclose(support_in_context(theta, z), turned, atol=1e-3)  # the order matters


def test_the_query_reads_the_memory_as_the_equations_say(generator: torch.Generator) -> None:
    """Equations 3 to 6 gate by gate, for one query and three items, in a plain loop."""
    theta = init_lstm("reader", 2, 2, generator, recurrent=4)
    f, g = torch.randn(2, generator=generator), torch.randn(3, 2, generator=generator)
    h, c = f, torch.zeros(2)
    for _ in range(3):
        scores = torch.tensor([float(h @ item) for item in g]).softmax(0)
        r = sum((a * item for a, item in zip(scores, g, strict=True)), torch.zeros(2))
        gates = theta["reader.input"] @ f + theta["reader.recurrent"] @ torch.cat([h, r]) + theta["reader.bias"]
        i, forget, new, out = gates[:2], gates[2:4], gates[4:6], gates[6:]
        c = forget.sigmoid() * c + i.sigmoid() * new.tanh()
        h = out.sigmoid() * c.tanh() + f
    assert torch.allclose(query_in_context(theta, f[None], g, 3)[0], h, atol=1e-6)


def test_relation_maps_are_64_by_5_by_5_and_classes_are_sums(generator: torch.Generator) -> None:
    learner = Relation(way=2)
    theta = learner.init(generator)
    x = torch.rand(4, 1, 28, 28, generator=generator)
    z = learner.embedding(theta, x).z
    assert z.shape == (4, 64, 5, 5)
    phi = learner.adapt(theta, {}, Examples(x, torch.tensor([0, 1, 1, 0])))
    assert torch.allclose(phi["classes"][1], z[1] + z[2], atol=1e-5)
    assert learner.apply(theta, phi, x).shape == (4, 2)


def supervised_tasks(way: int = 3, num: int = 2) -> SupervisedTask:
    family = FewShotImages(glyphs.load(num_alphabets=10), way, 1, 2)
    support, query = family.examples(family.sample(num, "train", torch.Generator().manual_seed(0)))
    return SupervisedTask((support,), query)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda x: type(x).__name__)
def test_tasks_side_by_side_are_tasks_one_by_one_and_every_weight_learns(
    learner: Learner[Tensor], generator: torch.Generator
) -> None:
    theta = {k: v.requires_grad_() for k, v in learner.init(generator).items()}
    both = supervised_tasks()
    together = mean_over_tasks(learner.loss, theta, both)
    alone = [
        learner.loss(
            theta,
            SupervisedTask(
                tuple(Examples(*(t[i] for t in s)) for s in both.support), Examples(*(t[i] for t in both.query))
            ),
        )
        for i in range(2)
    ]
    assert torch.allclose(together, torch.stack(alone).mean(), atol=1e-5)
    together.backward()
    silent = {k for k, v in theta.items() if v.grad is None or not v.grad.abs().sum() > 0}
    assert silent <= {"log_scale"}  # by Euclid's distance there is no scale


@pytest.mark.parametrize("bn", ["transductive", "support", "running"])
def test_batch_norm_lets_queries_speak_of_each_other_only_if_transductive(bn: str, generator: torch.Generator) -> None:
    """One query alone, and beside others."""
    learner = Prototypical(Conv4(8), 3, bn=bn)  # type: ignore[arg-type]
    theta = learner.init(generator)
    both = supervised_tasks()
    one = SupervisedTask((Examples(*(t[0] for t in both.support[0])),), Examples(*(t[0] for t in both.query)))
    theta |= {RUNNING + k: v for k, v in learner.measure_bn(theta, one).items()}
    phi = learner.adapt(theta, {}, one.support[0])
    whole, alone = learner.apply(theta, phi, one.query.x)[0], learner.apply(theta, phi, one.query.x[:1])[0]
    assert torch.allclose(whole, alone, atol=1e-4) == (bn != "transductive")


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda x: type(x).__name__)
def test_forty_steps_on_glyphs_make_it_better_than_chance(learner: Learner[Tensor], generator: torch.Generator) -> None:
    """On new training tasks: from a third towards all."""
    family = FewShotImages(glyphs.load(num_alphabets=10), 3, 1, 4)
    theta = {k: v.requires_grad_() for k, v in learner.init(generator).items()}
    adam = torch.optim.Adam(theta.values(), lr=3e-3)
    for _ in range(40):
        support, query = family.examples(family.sample(2, "train", generator))
        adam.zero_grad()
        mean_over_tasks(learner.loss, theta, SupervisedTask((support,), query)).backward()
        adam.step()
    support, query = family.examples(family.sample(40, "train", generator))

    def right(s: Examples, q: Examples) -> Tensor:
        stats = {RUNNING + k: v for k, v in learner.measure_bn(theta, SupervisedTask((s,), q)).items()}
        phi = learner.adapt(theta | stats, {}, s)
        return (learner.apply(theta | stats, phi, q.x).argmax(-1) == q.y).float().mean()

    with torch.no_grad():
        assert torch.func.vmap(right)(support, query).mean() > 0.6


def test_cross_entropy_is_minus_the_log_of_what_was_right() -> None:
    out = torch.tensor([[0.0, math.log(3.0)]])
    assert cross_entropy(out, Examples(torch.zeros(1), torch.tensor([1]))).item() == pytest.approx(-math.log(0.75))


def test_in_training_for_running_statistics_support_and_queries_are_one_batch() -> None:
    """The loss is that of features normalised by the statistics of all images, worked out by `running` with those."""
    learner, task = Prototypical(Conv4(8), 3), map_tensors(supervised_tasks(num=1), lambda t: t[0])
    theta = learner.init(torch.Generator().manual_seed(0))
    given = theta | {RUNNING + k: v for k, v in learner.measure_bn(theta, task).items()}
    phi = learner.adapt(given, {}, task.support[0])
    expected = cross_entropy(learner.apply(given, phi, task.query.x), task.query)
    torch.testing.assert_close(learner.loss(theta, task), expected)
    apart = learner.apply(theta, learner.adapt(theta, {}, task.support[0]), task.query.x)
    assert abs(learner.loss(theta, task) - cross_entropy(apart, task.query)) > 1e-3
