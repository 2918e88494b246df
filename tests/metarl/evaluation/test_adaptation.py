"""Evaluations of acting learners are stored, found again, and refused where options do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.evaluator import Options
from metarl.evaluation.sampling import only_beyond, sample_tasks, seeded
from metarl.evaluation.task_groups import gain
from metarl.training.build import build_family
from tests.metarl.evaluation.saved import save_run


def test_variables_that_are_not_named_stay_within_training(small: Callable[..., Config]) -> None:
    """Ground, which has no range beyond it, is stratified as ever."""
    family, generator = build_family(small("joint_dog")), seeded(0)
    sampled = family.sample(64, "ood", generator)
    tasks = only_beyond(family, sampled, ("friction", "delay"), generator)
    for name in ("friction", "delay"):
        assert tasks.column(name).equal(sampled.column(name))
    for variable in family.variables:
        ends = [end for interval in variable.intervals("train") for end in interval]
        low, high = min(ends), max(ends)
        inside = (tasks.column(variable.name) >= low) & (tasks.column(variable.name) <= high)
        assert inside.all() == (variable.name not in ("friction", "delay")), variable.name
    assert tasks.column("ground").unique(return_counts=True)[1].tolist() == [16] * 4
    with pytest.raises(
        UserError, match="--beyond got fricton, which has no range beyond training: did you mean friction"
    ):
        only_beyond(family, sampled, ("fricton",), generator)


def test_an_evaluation_is_read_back(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("maml_point")
    run, evaluator = save_run("maml_point", config), AdaptationEvaluator(config)
    options = Options("test", 3, seed=1, after=(0, 1), repeats=2)
    evaluation = evaluator.evaluate(run, options)
    assert evaluation.after == (0, 1, 4)  # it was trained for two rounds of two episodes
    evaluator.store(run, evaluation)
    again = evaluator.find_stored(run, options)
    assert again is not None
    assert again.to_json() == evaluation.to_json()
    stored = json.loads((run.path / evaluation.file_name).read_text())
    stored["trials"] = stored.pop("repeats")  # as version 0.11 wrote it
    (run.path / evaluation.file_name).write_text(json.dumps(stored))
    assert evaluator.find_stored(run, options) is not None
    fewer = evaluator.find_stored(run, options._replace(after=(0,)))  # and what it was trained for
    assert fewer is not None
    assert fewer.after == (0, 4)
    np.testing.assert_allclose(fewer.returns, evaluation.returns[[0, 2]], atol=1e-3)
    for other in ({"split": "train"}, {"num_tasks": 4}, {"after": (0, 5)}, {"seed": 2}, {"repeats": 1}):
        assert evaluator.find_stored(run, options._replace(**other)) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(num_tasks=0), "--tasks is 0, expected at least 1"),
        (Options(repeats=0), "--repeats is 0, expected at least 1"),
        (Options(after=(1, 2)), "--after expects 0 and numbers of episodes"),
        (Options(after=(0, 100_001)), "numbers of episodes up to 100000"),
    ],
)
def test_options_are_checked(options: Options, message: str, small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=message):
        AdaptationEvaluator(small("maml_point")).check_options(options)


def test_a_memory_that_was_evaluated_before_adaptation_alone_is_evaluated_again(
    workdir: Path, small: Callable[..., Config]
) -> None:
    config = small("gru_bandit")
    run, evaluator = save_run("gru_bandit", config), AdaptationEvaluator(config)
    before, curve = (Options("test", 3, after=after, repeats=1) for after in ((0,), (0, 1, 2)))
    evaluator.store(run, evaluator.evaluate(run, before))
    assert evaluator.find_stored(run, before) is not None
    assert evaluator.find_stored(run, curve) is None


@pytest.mark.parametrize(("trained", "told"), [(0, 3), (1, 1)])
def test_gains_are_of_the_adaptation_in_training_or_of_the_most_where_it_has_none(trained: int, told: int) -> None:
    returns = np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 9.0]])  # after 0, 1 and 3 episodes
    tasks = [{"goal": 0.0}, {"goal": 1.0}]
    evaluation = Evaluation(
        "run", "GRU", "test", 0, 1, 2, 10, 0.1, tasks, (0, 1, 3), trained, returns, returns, (0.0, 0.0), 0.0, ""
    )
    assert evaluation.after[evaluation.gained] == told
    gained = gain(evaluation, np.array([True, True]))
    assert gained.value == {3: 6.5, 1: 2.5}[told]


def test_numbers_that_are_given_stay_beside_a_variable_beyond_its_range(small: Callable[..., Config]) -> None:
    family, generator = build_family(small("joint_dog")), seeded(0)
    tasks = sample_tasks(family, 8, "ood", generator, {"payload": 0.11}, ("friction",))
    assert (tasks.column("payload") == 0.11).all()
    assert (tasks.column("friction") < 0.5).all()
    assert (tasks.column("delay") <= 0.02).all()
