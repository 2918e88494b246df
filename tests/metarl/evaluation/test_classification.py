"""Correct predictions are counted, and batch normalisation uses the given statistics."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from agents.learner import Params
from agents.memory import LSTM, Stream
from agents.memory.stream import flatten_images, one_hot_labels
from agents.metric import Relation, Siamese
from agents.nn.koch import Koch
from agents.objectives import cross_entropy
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.accuracy import images_of
from metarl.evaluation.classification import (
    accuracy_by_presentation,
    calibrate,
    learner_of,
    with_statistics,
)
from metarl.training.build import build_family, build_learner
from metarl.training.make import make_trainer


def test_statistics_for_other_shots_are_measured_afresh() -> None:
    """Pairs are normalised by those measured before, if these are left in theta: five shots after one, or at once."""
    learner, generator = Relation(2), torch.Generator().manual_seed(0)
    theta = learner.init(generator)
    images = [FewShotImages(glyphs.load(), 2, shot, 1) for shot in (1, 5)]

    def measured(theta: Params, which: int) -> Params:
        return calibrate(learner, theta, images[which], torch.Generator().manual_seed(1))

    at_once = measured(theta, 1)
    for k, v in measured(measured(theta, 0), 1).items():
        assert torch.equal(v, at_once[k])


class RepeatLast(LSTM):
    """Predicts the class of the item before."""

    def step(self, theta: Params, memory: Params, projected: torch.Tensor) -> tuple[Params, torch.Tensor]:
        return memory, projected

    def project_input(self, theta: Params, x: torch.Tensor) -> torch.Tensor:
        return x[..., 400:]


def test_presentations_are_counted_class_by_class(generator: torch.Generator) -> None:
    """A learner that predicts the last label is right where a class follows itself; counted here by a plain loop."""
    family = FewShotImages(glyphs.load(6), 2, 3, 1)
    learner = Stream(RepeatLast(402, 2), flatten_images, one_hot_labels, cross_entropy, 2)
    theta = learner.init(generator) | {"last.weight": torch.eye(2), "last.bias": torch.zeros(2)}
    measured = accuracy_by_presentation(learner, theta, family, "test", 30, torch.Generator().manual_seed(5))
    labels = family.examples(family.sample(30, "test", torch.Generator().manual_seed(5)))[0].y
    right = {1: 0, 2: 0, 3: 0}
    for stream in labels.tolist():
        seen = {0: 0, 1: 0}
        for t, label in enumerate(stream):
            seen[label] += 1
            predicted = stream[t - 1] if t else 0  # all logits are equal at first: the first class
            right[seen[label]] += predicted == label
    assert [a.mean * 60 for a in measured] == pytest.approx(list(right.values()))


def test_a_network_without_batch_norm_cannot_be_normalised() -> None:
    learner = Siamese(Koch(), 20, "none", "drawn")
    assert with_statistics(learner, None) is learner
    with pytest.raises(UserError, match="--bn is support, but this network has no batch normalisation: leave it out"):
        with_statistics(learner, "support")


def test_training_distorts_and_evaluation_does_not(small: Callable[..., Config]) -> None:
    """A run that trains on distorted drawings is calibrated and evaluated on drawings as they are."""
    config = small("siamese_omniglot", tasks__distort=True)
    trainer, images = make_trainer(config), images_of(config)
    tasks = images.sample(2, "train", torch.Generator().manual_seed(0))
    assert set(images.examples(tasks)[0].x.unique().tolist()) == {0.0, 1.0}
    assert len(trainer.family.examples(tasks)[0].x.unique()) > 100


@pytest.mark.parametrize("name", ["prototypical_omniglot", "maml_omniglot", "mann_omniglot", "metanet_omniglot"])
def test_a_learner_built_without_images_is_the_same(name: str, small: Callable[..., Config]) -> None:
    config = small(name)
    with_images = build_learner(config, build_family(config)).init(torch.Generator().manual_seed(0))
    without = learner_of(config).init(torch.Generator().manual_seed(0))
    assert all(torch.equal(without[k], v) for k, v in with_images.items())


def test_only_a_stream_learner_reads_a_stream(small: Callable[..., Config]) -> None:
    names = ("mann_omniglot", "maml_omniglot", "metanet_omniglot", "matching_omniglot")
    assert [isinstance(learner_of(small(name)), Stream) for name in names] == [True, False, False, False]
