"""The transcriber: its loss is in bits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.learner import SupervisedTask, mean_over_tasks
from agents.memory import NTM, Transcriber
from agents.objectives import bits
from envs.core import Examples
from envs.fewshot.copying import Copying, count_wrong_bits


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_transcriber_costs_a_bit_a_bit_before_it_knows_anything() -> None:
    """With a last layer of zeros every bit costs one; the cost is in bits."""
    family = Copying((2, 2), bits=3)
    learner = Transcriber(NTM(family.space.obs, 8, 10, 4), family.space.act)
    theta = learner.init(generator())
    theta["last.weight"] = torch.zeros_like(theta["last.weight"])
    support, query = family.examples(family.sample(3, "train", generator()))
    assert mean_over_tasks(learner.loss, theta, SupervisedTask((support,), query)).item() == pytest.approx(
        1.0, abs=1e-6
    )
    sure = Examples(query.x, query.y)
    assert bits(40 * (query.y - 0.5), sure).item() == pytest.approx(0.0, abs=1e-6)
    wrong: Tensor = count_wrong_bits(40 * (query.y - 0.5), 1 - query.y)
    assert wrong.tolist() == [6, 6, 6]
