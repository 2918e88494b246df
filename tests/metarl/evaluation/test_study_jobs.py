"""A study trains and evaluates everything once, and continues where it was stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.cli import app as cli
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import study_jobs
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.study import PlannedRun, find_run
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from tests.metarl.evaluation.command import run as command


def test_one_run_is_trained_by_one_process(workdir: Path, small: Callable[..., Config]) -> None:
    run = runs.create("maml_point", small("maml_point"), "test")
    with run.locked(), pytest.raises(UserError, match="by another process"), run.locked():
        pass
    with run.locked():
        pass


POINT = "--tasks.horizon 8 --train.num_tasks 3 --train.episodes 2 --policy.hidden [8] --outer.minibatches 2".split()


def test_a_study_trains_evaluates_reports_and_does_nothing_twice(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two learners and baselines on points with two seeds; the second time nothing is trained and nothing evaluated."""
    names = ["maml_robot", "joint_robot", "oracle_robot", "gru_robot"]
    words = [
        "study",
        *names,
        "--tasks",
        "maml_point",
        "--seeds",
        "0:2",
        "--steps",
        "150",
        "--num-tasks",
        "3",
        "--jobs",
        "4",
    ]
    words += POINT
    code, out, err = command(words, capsys)
    assert code == 0, err
    for word in ("Meta-SGD", "fine-tuned", "from scratch", "oracle", "RL^2 (GRU)", "after 3", "wrote study.html"):
        assert word in out
    (first,) = (run for run in runs.every() if run.path.parent.name == "joint_robot" and run.config.seed == 0)
    tuned = sorted(path for run in runs.every() for path in run.path.glob("fine_tuning_*.json"))
    assert [path.name.split("_")[2] for path in tuned] == ["scratch", "trained"]  # once for both seeds
    assert {path.parent for path in tuned} == {first.path}
    report = Path("study.html").read_text()
    assert report.count("data:image/png") == 6
    assert all(run.name in report for run in runs.every())
    iterations = [run.records()[-1]["iteration"] for run in runs.every()]
    assert sorted(iterations) == [2, 2, 2, 2, 4, 4, 4, 4]  # 150 steps, by 96 and 48 an iteration
    monkeypatch.setattr(study_jobs, "start_job", None)
    monkeypatch.setattr(AdaptationEvaluator, "evaluate", None)
    assert command(words, capsys)[0] == 0
    assert len(runs.every()) == 8


def test_a_study_that_is_stopped_saves_and_continues(workdir: Path) -> None:
    """SIGTERM reaches the trainings, which save; nothing is left running, and nothing is trained twice."""
    words = ["study", "joint_robot", "--tasks", "maml_point", "--seeds", "0", "--steps", "2e6", *POINT]
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    started = subprocess.Popen([sys.executable, "-m", "metarl", *words], env=env, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any(run.metrics.is_file() and len(run.records()) > 2 for run in runs.every()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    started.terminate()
    printed, _ = started.communicate(timeout=60)
    assert started.returncode == 4
    assert "the same command goes on" in printed
    (run,) = runs.every()
    saved = checkpoint.load_newest(run.checkpoints).iteration
    assert 2 < saved == run.records()[-1]["iteration"] < run.config.train.iterations
    assert find_run(PlannedRun("joint_robot", run.config)).path == run.path  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study"], "at least one config"),
        (["study", "maml_robot", "--seeds", "3:1"], "there is no seed in it"),
        (["study", "maml_robot", "--seeds", "a"], "expected FROM:TO"),
        (["study", "maml_robot", "--steps", "0"], "--steps is 0"),
        (["study", "maml_robot", "--out", "x.md"], "ends in .html"),
        (["study", "maml_robot", "--tasks", "nothing"], "no tasks named"),
        (["study", "prototypical_omniglot", "--seeds", "0", "--steps", "9"], "learners that act"),
        (["study", "prototypical_omniglot", "--seeds", "0"], "learners that act"),
        (["study", "maml_robot", "--report-at", "-1"], "--report-at is -1"),
        (["study", "maml_robot", "--split", "ood"], "--split is ood, expected one of train, test"),
        (["study", "maml_robot", "--train.num_threads", "2"], "--train.num_threads is not for a study"),
        (["study", "maml_robot", "--steps", "9", "--train.iterations", "2"], "--train.iterations is not for a study"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], message: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = command(words, capsys)
    assert code == 2
    assert message in err
