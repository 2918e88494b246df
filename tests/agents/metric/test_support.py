"""What all metric learners share: batch normalisation, tasks under vmap, and learning."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.learner import Learner, SupervisedTask, map_tensors, mean_over_tasks
from agents.metric import Matching, Prototypical, Relation, Siamese
from agents.nn.embeddings import RUNNING, Conv4
from agents.objectives import cross_entropy
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from tests.agents.images import one_task, supervised_tasks

LEARNERS: list[Learner[Tensor]] = [
    Prototypical(Conv4(8), 3),
    Matching(Conv4(8), 3),
    Matching(Conv4(8), 3, fce=True, distance="l2"),
    Siamese(Conv4(8), 3),
    Relation(3),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda x: type(x).__name__)
def test_tasks_side_by_side_are_tasks_one_by_one_and_every_weight_learns(
    learner: Learner[Tensor], generator: torch.Generator
) -> None:
    theta = {k: v.requires_grad_() for k, v in learner.init(generator).items()}
    both = supervised_tasks()
    together = mean_over_tasks(learner.loss, theta, both)
    alone = [learner.loss(theta, one_task(both, i)) for i in range(2)]
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
