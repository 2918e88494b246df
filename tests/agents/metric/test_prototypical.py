"""Prototypical networks against numbers derived by hand."""

from __future__ import annotations

import math

import pytest

from agents.learner import SupervisedTask
from agents.metric import Prototypical
from tests.agents.images import QUERY, SUPPORT, Identity


def test_prototypes_are_class_means_and_logits_squared_distances() -> None:
    """Means (0, 1) and (4, 2); from (1, 1) they are 1 and 9 + 1 = 10 away, squared."""
    learner = Prototypical(Identity(), way=2)
    phi = learner.adapt({}, {}, SUPPORT)
    assert phi["prototypes"].tolist() == [[0.0, 1.0], [4.0, 2.0]]
    assert learner.apply({}, phi, QUERY.x).tolist() == [[-1.0, -10.0]]
    loss = learner.loss({}, SupervisedTask((SUPPORT,), QUERY))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-9)), abs=1e-6)
