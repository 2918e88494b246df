"""Groups of tasks, and whether training can have sampled them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from envs.named import build_family
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.task_groups import describe_tasks, groups
from metarl.reporting.plots import plot_adaptation


def evaluation(name: str, split: str, count: int = 12) -> Evaluation:
    tasks = build_family(name, num_threads=1).sample(count, split, torch.Generator().manual_seed(0)).to_json()
    zeros = np.zeros((3, count))
    return Evaluation(
        "run", "maml", split, 0, 2, 1, 1000, 0.1, tasks, (0, 1, 2), 2, zeros, zeros, (0.0, 1.0, 1.0), 0.0, ""
    )


@pytest.mark.parametrize(
    ("name", "split", "words"),
    [
        ("HalfCheetahDirection", "test", "of the few that exist, all met in training"),
        ("HalfCheetahCrippled", "test", "of the few that exist, all met in training"),
        ("HalfCheetahCrippled", "ood", "12 unseen tasks"),
        ("HalfCheetahSlope", "test", "12 unseen tasks"),
        ("grbal-cheetah-hfield", "test", "12 unseen tasks"),  # ramps that were not trained on
        ("grbal-cheetah-hfield", "ood", "12 unseen tasks"),
        ("grbal-cheetah-hfield", "train", "12 training tasks"),
    ],
)
def test_tasks_that_training_can_have_sampled_are_not_called_unseen(name: str, split: str, words: str) -> None:
    assert words in describe_tasks(build_family(name, num_threads=1), evaluation(name, split))


def test_tasks_are_grouped_by_direction_slope_and_both() -> None:
    family = build_family("HalfCheetahSlope", num_threads=1)
    found = groups(family, evaluation("HalfCheetahSlope", "ood", 40))
    assert len(found) == 1 + 2 + 2 + 4
    assert found[0].members.all()
    assert {g.variables for g in found} == {(), ("direction",), ("slope_deg",), ("direction", "slope_deg")}
    assert sum(g.members.sum() for g in found if len(g.variables) == 2) == 40


def test_a_family_of_many_parameters_gets_a_readable_picture(tmp_path: Path) -> None:
    family = build_family("pearl-walker-rand-params", num_threads=1)
    plot_adaptation(family, evaluation("pearl-walker-rand-params", "test"), [], tmp_path / "many.png")
    assert Image.open(tmp_path / "many.png").width < 4000
