"""Transformers and hypernetworks learn to find the arm that pays, and a transformer takes tasks of every kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.training.trainer import Trainer
from tests.conftest import smaller

TRANSFORMER = {"kind": "transformer", "hidden": 16, "heads": 2, "layers": 1, "length": 12}


def with_learner(name: str, learner: dict[str, Any], **train: int) -> Config:
    """A shipped config with another learner."""
    raw = settings.read_yaml(settings.find(name))
    raw["learner"] = learner
    raw["train"] |= train
    return settings.parse(raw)


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner",
    [
        {"kind": "transformer", "hidden": 32, "heads": 4, "layers": 2, "length": 10, "rounds": 0},
        {"kind": "hypernetwork", "hidden": 64, "rounds": 0},
    ],
    ids=lambda learner: learner["kind"],
)
def test_it_learns_which_arm_pays(learner: dict[str, Any]) -> None:
    """Ten pulls of any arms pay 5 on average, and those of the best policy 6.6."""
    trainer = Trainer(with_learner("transformer_bandit", learner, iterations=40, num_tasks=300, num_threads=1))
    returns = [trainer.iterate()["return_before"] for _ in range(40)]
    assert sum(returns[:3]) / 3 < 5.4
    assert sum(returns[-5:]) / 5 > 5.8


@pytest.mark.parametrize("name", ["lstm_omniglot", "mann_sinusoid", "ntm_copy"])
def test_a_transformer_trains_on_labels_numbers_and_sequences(name: str) -> None:
    """The parameters that it has move by finite steps, and it says the same again from the same seed."""
    raw = settings.read_yaml(settings.find(name)) | {"learner": TRANSFORMER}
    ends = []
    for _ in range(2):
        trainer = Trainer(settings.parse(raw, name, smaller(name)))
        before = {k: v.clone() for k, v in trainer.theta.items()}
        assert all(torch.tensor(trainer.iterate()["loss"]).isfinite() for _ in range(2))
        ends.append(trainer.state.theta)
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])
    assert all(v.isfinite().all() for v in ends[0].values())
    assert {k for k in before if torch.equal(before[k], ends[0][k])} == set()
