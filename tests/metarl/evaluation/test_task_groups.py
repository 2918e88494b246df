"""Groups of tasks, and whether training can have sampled them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from envs.core import Variable
from envs.legged.family import Legged
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
    task_groups = groups(family, evaluation("HalfCheetahSlope", "ood", 40))
    assert len(task_groups) == 1 + 2 + 2 + 4
    assert task_groups[0].members.all()
    assert {g.variables for g in task_groups} == {(), ("direction",), ("slope_deg",), ("direction", "slope_deg")}
    assert sum(g.members.sum() for g in task_groups if len(g.variables) == 2) == 40


def test_tasks_are_grouped_by_whether_a_motor_fails_within_the_episode_and_not_by_which() -> None:
    family = build_family("QuadrupedCommand", num_threads=1)
    motors = Variable("event_motor", tuple((float(m), float(m)) for m in range(-1, 12)))
    legged = Legged("quadruped", (Variable("event_s", ((1.0, 60.0),)), motors), horizon=500)
    rows = [{"event_s": s, "event_motor": m} for s, m in ((2.0, -1.0), (2.0, 3.0), (9.9, 7.0), (10.1, 7.0))]
    judged = evaluation("QuadrupedCommand", "test", 4)._replace(tasks=rows)
    labels = {g.label: g.members.tolist() for g in groups(legged, judged) if g.variables == ("event_motor",)}
    assert labels == {"no motor fails": [True, False, False, True], "a motor fails": [False, True, True, False]}
    assert not [g for g in groups(family, evaluation("QuadrupedCommand", "test")) if "motor fails" in g.label]


def test_a_family_of_many_parameters_gets_a_readable_picture(tmp_path: Path) -> None:
    family = build_family("pearl-walker-rand-params", num_threads=1)
    plot_adaptation(family, evaluation("pearl-walker-rand-params", "test"), [], tmp_path / "many.png")
    assert Image.open(tmp_path / "many.png").width < 4000
