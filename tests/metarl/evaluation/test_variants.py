"""Variants of a policy are evaluated beside it: on its teacher's z in every world, or with its memory switched off."""

from __future__ import annotations

import json
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
from metarl.evaluation.adaptation_evaluation import Evaluation
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
    options = Options("test", 3, after=(0,), repeats=1, beside=("teacher",))
    student, teacher = evaluator.evaluate_all([run], options)
    assert (student.learner, teacher.learner) == ("RMA", "RMA, its teacher acting")
    assert student.tasks == teacher.tasks
    assert not np.allclose(student.returns, teacher.returns)
    for wanted, result in ((options, student), (options._replace(variant="teacher"), teacher)):
        found = evaluator.find_stored(run, wanted)
        assert found is not None
        assert found.learner == result.learner
    (run.path / student.file_name).unlink()
    assert evaluator.find_stored(run, options) is None


def test_a_learner_without_a_teacher_is_refused(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("gru_point")
    with pytest.raises(UserError, match=r"--teacher is for learners that have one, such as rma: .* is of "):
        AdaptationEvaluator(config).check([save_run("gru_point", config)], Options(beside=("teacher",)))


def test_a_memory_that_is_switched_off_stands_beside_its_run(workdir: Path, small: Callable[..., Config]) -> None:
    """The same tasks, and other actions from the second step on; of a policy without a memory it is refused."""
    config = small("gru_point")
    run, evaluator = save_run("gru_point", config), AdaptationEvaluator(config)
    options = Options("test", 3, after=(0,), repeats=1, beside=("memory_off",))
    whole, off = evaluator.evaluate_all([run], options)
    assert (whole.learner, off.learner) == ("RL^2 (GRU)", "RL^2 (GRU), memory off")
    assert (whole.tasks, whole.after, whole.trained_after) == (off.tasks, off.after, off.trained_after)
    assert not np.allclose(whole.returns, off.returns)
    assert list(evaluator.to_json([whole, off])["summary"][0]["against"]) == [f"{run.name} memory_off"]
    found = evaluator.find_stored(run, options._replace(variant="memory_off"))
    assert found is not None
    assert np.allclose(found.returns, off.returns, atol=1e-3)
    with pytest.raises(UserError, match=r"--memory-off is for learners with a memory, such as gru: .* is of "):
        AdaptationEvaluator(small("maml_point")).check([save_run("maml_point", small("maml_point"))], options)


def test_what_version_0_21_stored_is_read(workdir: Path) -> None:
    run, evaluator = save_run("rma_point", CONFIG), AdaptationEvaluator(CONFIG)
    options = Options("test", 3, after=(0,), repeats=1, variant="teacher")
    (result,) = evaluator.evaluate_all([run], options)
    stored = {**json.loads(json.dumps(result.to_json())), "teacher": True}
    del stored["variant"]
    assert Evaluation.from_json(stored).variant == "teacher"
