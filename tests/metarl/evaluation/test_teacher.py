"""A teacher is evaluated: in every world the policy acts on its z, outside of training too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.evaluator import Options
from metarl.training.collect import AdvantageEstimator, collect_rollouts
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run

CONFIG = settings.parse(
    {
        "tasks": {"kind": "point", "horizon": 6},
        "policy": {"hidden": [8], "last_gain": 1.0},
        "learner": {"kind": "rma", "hidden": 6, "latent": 2, "rounds": 0},
        "outer": {"kind": "ppo"},
        "train": {"iterations": 2, "num_tasks": 4, "episodes": 2, "num_threads": 1},
    }
)


def test_every_world_acts_on_what_its_teacher_is_told() -> None:
    trainer = Trainer(CONFIG)
    learner: Any = replace(cast(Any, trainer.learner), informed=1.0)
    generator = torch.Generator().manual_seed(0)
    tasks = trainer.family.sample(4, "train", generator)
    rollouts = collect_rollouts(
        learner, trainer.theta, trainer.family, tasks, (2,), AdvantageEstimator(0.99, 0.95), generator
    )
    data: Any = rollouts.episode.query
    data = type(data)(*(t[0] for t in data))
    memory = learner.initial_state(trainer.theta)
    assert data.alive.sum() == 4 * 2 * 6
    assert bool((data.x[..., -1][data.alive] == 1).all())
    taught, alone = learner.apply_to(trainer.theta, memory, data), learner.apply(trainer.theta, memory, data.x)
    assert torch.allclose(taught.mean[data.alive], data.mean[data.alive], atol=1e-6)
    assert not torch.allclose(alone.mean[data.alive], data.mean[data.alive], atol=1e-3)


def test_the_teacher_stands_beside_its_run(workdir: Path) -> None:
    run, evaluator = save_run("rma_point", CONFIG), AdaptationEvaluator(CONFIG)
    options = Options("test", 3, after=(0,), repeats=1, teacher=True)
    student, teacher = evaluator.evaluate_all([run], options)
    assert (student.learner, teacher.learner) == ("RMA", "RMA, its teacher acting")
    assert student.tasks == teacher.tasks
    assert not np.allclose(student.returns, teacher.returns)
    for wanted, result in ((options._replace(teacher=False), student), (options, teacher)):
        found = evaluator.find_stored(run, wanted)
        assert found is not None
        assert found.learner == result.learner
    (run.path / student.file_name).unlink()
    assert evaluator.find_stored(run, options._replace(teacher=False)) is None


def test_a_learner_without_a_teacher_is_refused(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("gru_point")
    with pytest.raises(UserError, match=r"--teacher is for learners that have one, such as rma: .* is of "):
        AdaptationEvaluator(config).check([save_run("gru_point", config)], Options(teacher=True))
