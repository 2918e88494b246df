"""Relation networks: shapes of their feature maps, and class sums."""

from __future__ import annotations

import torch
import torch.nn.functional as F

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


def test_scores_are_those_of_every_class_beside_every_query(generator: torch.Generator) -> None:
    """Against torch's layers on pairs that are laid side by side, the class first, as in Sung et al., section 3.2."""
    learner = Relation(way=3, bn="transductive")
    theta = {k: v.double() for k, v in learner.init(generator).items()}
    classes, queries = (torch.rand(n, 64, 5, 5, dtype=torch.float64, generator=generator) for n in (3, 4))
    pairs = torch.stack([torch.cat([c, q]) for q in queries for c in classes])
    for name in ("relate0", "relate1"):
        pairs = F.conv2d(pairs, theta[f"{name}.weight"], padding=1)
        scale, shift = theta[f"{name}.scale"], theta[f"{name}.shift"]
        pairs = F.max_pool2d(F.batch_norm(pairs, None, None, scale, shift, training=True).relu(), 2)
    hidden = F.linear(pairs.flatten(1), theta["hidden.weight"], theta["hidden.bias"]).relu()
    expected = F.linear(hidden, theta["score.weight"], theta["score.bias"]).view(4, 3)
    torch.testing.assert_close(learner._relation_logits(theta, {"classes": classes}, queries)[0], expected)
