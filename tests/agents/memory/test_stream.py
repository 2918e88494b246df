"""A memory that reads labelled examples: what it may depend on, its loss, and that it learns."""

from __future__ import annotations

import torch

from agents.learner import SupervisedTask, mean_over_tasks
from agents.memory import LRUA, LSTM, NTM, Core, Stream
from agents.memory.stream import flatten_images, identity, numbers_as_labels, one_hot_labels
from agents.objectives import cross_entropy, mse
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.sinusoid import Sinusoid


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def classifier(core: Core) -> Stream:
    return Stream(core, identity, one_hot_labels, cross_entropy, way=2)


def test_an_answer_is_shown_with_the_next_example() -> None:
    """What is said of an item may depend on every answer before it, and on its own and later ones never."""
    learner = classifier(LRUA(4, 8, 10, 3, 1))
    theta = learner.init(generator())
    x = torch.randn(5, 2, generator=generator())
    said = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, torch.tensor([0, 1, 0, 1, 0])))[1]
    other = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, torch.tensor([0, 1, 1, 1, 0])))[1]
    assert torch.equal(said[:3], other[:3])
    assert not torch.equal(said[3], other[3])


def test_a_query_goes_on_from_the_support() -> None:
    """Asked after the support, an item is answered as it would be as the next of the stream."""
    learner = classifier(NTM(4, 8, 10, 3))
    theta = learner.init(generator())
    x, y = torch.randn(5, 2, generator=generator()), torch.tensor([0, 1, 1, 1, 0])
    whole = learner.forward_sequence(theta, learner.initial_state(theta), Examples(x, y))[1]
    phi = learner.adapt(theta, learner.initial_state(theta), Examples(x[:4], y[:4]))
    asked = learner.apply(theta, phi, torch.stack([x[4], x[0]]))
    torch.testing.assert_close(asked[0], whole[4])
    torch.testing.assert_close(asked[1:], learner.apply(theta, phi, x[:1]))


def test_the_loss_is_over_the_stream_and_the_queries() -> None:
    learner = Stream(LSTM(2, 6), identity, numbers_as_labels, mse, way=1)
    theta = learner.init(generator())
    family = Sinusoid(4, 3)
    support, query = family.examples(family.sample(2, "train", generator()))
    task = SupervisedTask((Examples(support.x[0], support.y[0]),), Examples(query.x[0], query.y[0]))
    phi, said = learner.forward_sequence(theta, learner.initial_state(theta), task.support[0])
    asked = learner.apply(theta, phi, task.query.x)
    wanted = ((said - task.support[0].y).square().sum() + (asked - task.query.y).square().sum()) / 7
    torch.testing.assert_close(learner.loss(theta, task), wanted)


def test_a_memory_learns_to_bind_glyphs_to_answers() -> None:
    """Forty steps on one lesson: it can only be told by what was bound in it."""
    family = FewShotImages(glyphs.load(6), 2, 3, 1)
    learner = Stream(LRUA(402, 32, 16, 8, 1), flatten_images, one_hot_labels, cross_entropy, 2)
    theta = {k: v.requires_grad_() for k, v in learner.init(generator()).items()}
    support, query = family.examples(family.sample(4, "train", generator()))
    task = SupervisedTask((support,), query)
    optimizer = torch.optim.Adam(theta.values(), 1e-2)
    losses = []
    for _ in range(40):
        loss = mean_over_tasks(learner.loss, theta, task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
