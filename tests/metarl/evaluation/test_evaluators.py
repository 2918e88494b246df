"""The tasks of a config choose the evaluator; every evaluator stores results and finds them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from envs.tasks.point import Settings as PointSettings
from metarl.config.experiment import Config
from metarl.config.files import names
from metarl.errors import UserError
from metarl.evaluation.evaluator import Options
from metarl.evaluation.evaluators import EVALUATORS, evaluator_of
from metarl.runs.folder import Run
from tests.metarl.evaluation.saved import save_run

SMALL: dict[str, tuple[str, Options]] = {  # a config for each evaluator
    "adaptation": ("joint_point", Options(num_tasks=3, after=(0, 1), repeats=1)),
    "accuracy": ("prototypical_omniglot", Options(num_tasks=3, ways=(3,), shots=(1, 2))),
    "regression": ("maml_sinusoid", Options(num_tasks=12)),
    "sequences": ("ntm_copy", Options(num_tasks=2)),
}
CHANGES: dict[str, dict[str, Any]] = {
    "ntm_copy": {"learner__hidden": 8, "learner__locations": 8, "learner__width": 4},
    "joint_point": {"learner": {"kind": "joint"}},
}


def make(name: str, small: Callable[..., Config]) -> tuple[Run, Config]:
    config = small("maml_point" if name == "joint_point" else name, **CHANGES.get(name, {}))
    return save_run(name, config), config


@pytest.mark.parametrize("name", names())
def test_every_shipped_config_has_an_evaluator(name: str, small: Callable[..., Config]) -> None:
    config = small(name)
    evaluator = evaluator_of(config)
    assert type(evaluator).__module__ == f"metarl.evaluation.{config.tasks.evaluator}"
    assert evaluator.config == config


def test_every_evaluator_is_tested_here() -> None:
    assert set(SMALL) == set(EVALUATORS)


def test_lakes_trials_have_an_evaluator_of_their_own(small: Callable[..., Config]) -> None:
    evaluator = evaluator_of(small("prototypical_omniglot"), lake=True)
    assert type(evaluator).__module__ == "metarl.evaluation.lake"


class PluginTasks(PointSettings):
    """Tasks of a plugin."""

    evaluator: ClassVar[str] = "adaption"


def test_an_unknown_evaluator_is_refused_with_the_nearest_name(small: Callable[..., Config]) -> None:
    config = small("maml_point").model_copy(update={"tasks": PluginTasks()})
    with pytest.raises(UserError, match="name the evaluator 'adaption': did you mean adaptation"):
        evaluator_of(config)


@pytest.mark.parametrize("kind", EVALUATORS)
def test_a_result_is_stored_and_found_again(kind: str, workdir: Path, small: Callable[..., Config]) -> None:
    name, options = SMALL[kind]
    run, config = make(name, small)
    evaluator = evaluator_of(config)
    evaluator.check([run], options)
    assert evaluator.find_stored(run, options) is None
    (result,) = evaluator.evaluate_all([run], options)
    stored = evaluator.find_stored(run, options)
    assert stored is not None
    assert json.dumps(stored.to_json()) == json.dumps(result.to_json())
    assert [t.headers for t in evaluator.tables([stored])] == [t.headers for t in evaluator.tables([result])]
    json.dumps(evaluator.to_json([stored]), allow_nan=False)
    assert evaluator.find_stored(run, options._replace(seed=1)) is None
    path = run.path / result.file_name
    path.write_text(path.read_text()[:-9])  # damaged
    assert evaluator.find_stored(run, options) is None
    again = evaluator.stored_or_evaluated(run, options)
    assert again.file_name == result.file_name
    assert evaluator.find_stored(run, options) is not None


@pytest.mark.parametrize("kind", EVALUATORS)
def test_a_split_that_does_not_exist_is_refused(kind: str, workdir: Path, small: Callable[..., Config]) -> None:
    name, options = SMALL[kind]
    run, config = make(name, small)
    with pytest.raises(UserError, match="split"):
        evaluator_of(config).evaluate(run, options._replace(split="nothing"))


def test_runs_on_other_tasks_cannot_be_compared(workdir: Path, small: Callable[..., Config]) -> None:
    run, config = make("maml_sinusoid", small)
    other = save_run("reptile_sinusoid", small("maml_sinusoid", tasks__variant="reptile"))
    more_shots = save_run("maml_sinusoid", small("maml_sinusoid", tasks__shot=4))
    evaluator_of(config).check([run, more_shots], Options())
    with pytest.raises(UserError, match="was trained on other tasks than maml_sinusoid/"):
        evaluator_of(config).check([run, other], Options())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(fine_tune="trained"), "--fine-tune is for robots"),
        (Options(num_tasks=1), "--tasks is 1, expected at least 2"),
        (Options(ways=(1,)), "numbers of at least 2 classes"),
        (Options(shots=()), "at least 1 image"),
    ],
)
def test_options_of_supervised_tasks_are_checked(options: Options, message: str, small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=message):
        evaluator_of(small("prototypical_omniglot")).check_options(options)
