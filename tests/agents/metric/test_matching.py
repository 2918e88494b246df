"""Matching networks against numbers derived by hand and torch's own LSTM."""

from __future__ import annotations

import math

import pytest
import torch

from agents.learner import Params
from agents.metric import Matching
from agents.metric.matching import query_in_context, support_in_context
from agents.nn.cells import init_lstm
from tests.agents.images import QUERY, SUPPORT, Identity


def lstm(theta: Params, name: str) -> torch.nn.LSTM:
    """torch's own, with the same weights."""
    theirs = torch.nn.LSTM(2, 2, batch_first=False)
    for ours, attribute in (("input", "weight_ih_l0"), ("recurrent", "weight_hh_l0"), ("bias", "bias_ih_l0")):
        getattr(theirs, attribute).data.copy_(theta[f"{name}.{ours}"])
    theirs.bias_hh_l0.data.zero_()
    return theirs


def test_matching_attends_to_the_support_by_cosine() -> None:
    """Query (1, 1): cosines 0 (the zero vector), 1/sqrt 2, 1/sqrt 2 and 1, times the scale 10; labels 0 1 0 1."""
    learner = Matching(Identity(), way=2)
    theta = {"log_scale": torch.tensor(10.0).log()}
    out = learner.apply(theta, learner.adapt(theta, {}, SUPPORT), QUERY.x)
    weights = [math.exp(10 * c) for c in (0, 0.5**0.5, 0.5**0.5, 1)]
    expected = (weights[0] + weights[2]) / sum(weights)
    assert out.exp()[0].tolist() == pytest.approx([expected, 1 - expected], abs=1e-6)


def test_a_given_scale_is_not_learned_and_1_is_the_plain_cosine() -> None:
    """The same cosines 0, 1/sqrt 2, 1/sqrt 2 and 1 in the softmax as they are; there is nothing to learn."""
    learner = Matching(Identity(), way=2, scale=1.0)
    assert "log_scale" not in learner.init(torch.Generator())
    out = learner.apply({}, learner.adapt({}, {}, SUPPORT), QUERY.x)
    weights = [math.exp(c) for c in (0, 0.5**0.5, 0.5**0.5, 1)]
    expected = (weights[0] + weights[2]) / sum(weights)
    assert out.exp()[0].tolist() == pytest.approx([expected, 1 - expected], abs=1e-6)


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
