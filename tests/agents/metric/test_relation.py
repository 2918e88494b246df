"""Relation networks: shapes of their feature maps, and class sums."""

from __future__ import annotations

import torch

from agents.metric import Relation
from envs.core import Examples


def test_relation_maps_are_64_by_5_by_5_and_classes_are_sums(generator: torch.Generator) -> None:
    learner = Relation(way=2)
    theta = learner.init(generator)
    x = torch.rand(4, 1, 28, 28, generator=generator)
    z = learner.embedding(theta, x).z
    assert z.shape == (4, 64, 5, 5)
    phi = learner.adapt(theta, {}, Examples(x, torch.tensor([0, 1, 1, 0])))
    assert torch.allclose(phi["classes"][1], z[1] + z[2], atol=1e-5)
    assert learner.apply(theta, phi, x).shape == (4, 2)
