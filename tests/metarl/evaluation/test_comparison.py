"""Learners side by side: scores by hand, what is paired, and what is done but once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from metarl.config.schema import Config
from metarl.evaluation.evaluate import Evaluation

from metarl.cli import app as cli
from metarl.errors import UserError
from metarl.evaluation import comparison as compare_runs
from metarl.evaluation import evaluate, study
from metarl.evaluation.comparison import Comparison, Entry
from metarl.reporting.comparison_tables import tables
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from tests.metarl.cli.test_app import run as command

TASKS = [{"goal_x": 0.1 * i - 0.5, "goal_y": 0.3} for i in range(12)]
SPREAD = np.linspace(-1, 1, 12)


def entry(learner: str, means: dict[int, float], seeds: int = 1) -> Entry:
    """Returns of 12 tasks around a mean after so many episodes; the luck of seed s is s."""
    after, evaluations = tuple(means), []
    for s in range(seeds):
        returns = np.stack([mean + s + SPREAD for mean in means.values()])
        evaluations.append(
            Evaluation(
                f"{learner}/{s}", learner, "test", 0, 2, 10, 1000, 0.5, TASKS, after, max(after), returns, returns + 5,
                (0.0,) * len(after), 0.0, "",
            )
        )  # fmt: skip
    return Entry(f"{learner}_point", learner, list(range(seeds)), evaluations)


@pytest.fixture
def comparison(small: Callable[..., Config]) -> Comparison:
    entries = [
        entry("joint", {0: -40.0}),
        entry("oracle", {0: -20.0}),
        entry("maml", {0: -40.0, 1: -35.0, 3: -25.0}, seeds=3),
    ]
    return compare_runs._comparison(small("maml_point"), "test", entries, (0, 1, 3), 3)


def test_scores_by_hand(comparison: Comparison) -> None:
    joint, oracle, maml = comparison.places
    assert (joint.score[0].value, joint.score[0].low, joint.score[0].high) == (0, 0, 0)
    assert (oracle.score[3].value, oracle.score[3].low, oracle.score[3].high) == (1, 1, 1)
    assert maml.curve[3].value == pytest.approx(-24)  # of seeds with luck 0, 1, 2
    assert maml.score[3].value == pytest.approx((-24 + 40) / 20)
    assert maml.score[3].low < maml.score[3].value < maml.score[3].high
    assert maml.mean.value == pytest.approx(-24)
    assert maml.tail.value == pytest.approx(-25)  # the worst task of each seed, one below its mean
    assert maml.greedy.value == pytest.approx(-19)
    assert maml.improvement.value == 1


def test_the_ends_of_the_scale_are_certain(small: Callable[..., Config]) -> None:
    """Whatever seeds are drawn, joint training is 0 and the oracle 1; what is between them is not certain."""
    entries = [entry("joint", {0: -40.0}, 3), entry("oracle", {0: -20.0}, 3), entry("maml", {0: -40.0, 3: -30.0}, 3)]
    joint, oracle, maml = compare_runs._comparison(small("maml_point"), "test", entries, (0, 3), 3).places
    assert joint.score[0] == (0, 0, 0)
    assert oracle.score[3] == (1, 1, 1)
    assert maml.score[3].low < 0.5 < maml.score[3].high


def test_profile_by_hand(comparison: Comparison) -> None:
    maml = comparison.places[2].entry
    levels = np.array([-10.0, (-24 + 40) / 20, 10.0])
    share = compare_runs.profile(comparison, maml, levels)
    returns = maml.returns(3)
    np.testing.assert_allclose(share, [1, (returns > -24 + 1e-9).mean(), 0], atol=1 / 36)


def test_tables_say_all(comparison: Comparison) -> None:
    curve, score, facts = tables(comparison)
    assert curve.headers == ["learner", "before", "after 1", "after 3"]
    assert curve.rows[0][2:] == ["", ""]  # joint training does not adapt
    assert "12 tasks x 1/3 training seeds" in curve.notes[0]
    assert score.rows[2][3].startswith("0.80 [")
    assert facts.rows[2][1] == "3"
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_task_in_which_all_broke_down_counts_as_the_worst(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -40.0}), entry("oracle", {0: -20.0}), entry("maml", {0: -30.0, 3: -30.0})]
    entries[2].evaluations[0].returns[1, 3] = np.nan
    comparison = compare_runs._comparison(small("maml_point"), "test", entries, (0, 3), 3)
    joint, _, maml = (place.entry.returns(3) for place in comparison.places)
    assert maml[0, 3] == joint[0, 3]
    assert "maml broke down in all worlds of a task 1 times" in tables(comparison)[0].notes[1]
    for e in entries:
        e.evaluations[0].returns[:, 3] = e.evaluations[0].greedy[:, 3] = np.nan
    with pytest.raises(UserError, match="the worlds of every learner broke down"):
        compare_runs._comparison(small("maml_point"), "test", entries, (0, 3), 3)


@pytest.mark.parametrize(
    ("levels", "said"),
    [({"joint": -20.0, "oracle": -40.0}, "not clearly better"), ({"joint": -20.0}, "an oracle was not given")],
)
def test_without_a_scale_there_is_no_score_but_a_word(
    levels: dict[str, float], said: str, small: Callable[..., Config]
) -> None:
    entries = [entry(name, {0: level}) for name, level in levels.items()]
    comparison = compare_runs._comparison(small("maml_point"), "test", entries, (0,), 0)
    curve, _ = tables(comparison)
    assert said in curve.notes[1]
    returns = entries[0].returns(0)  # of which the profile is then
    shares = compare_runs.profile(comparison, entries[0], np.array([-100.0, np.median(returns), 100.0]))
    assert shares.tolist() == [1.0, (returns > np.median(returns)).mean(), 0.0]


def test_learners_of_one_kind_are_told_apart(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -40.0}), entry("joint", {0: -30.0}), entry("gru", {0: -20.0, 3: -9.0})]
    entries[1] = entries[1]._replace(name="wide")
    names = [p.entry.learner for p in compare_runs._comparison(small("maml_point"), "test", entries, (0, 3), 3).places]
    assert names == ["joint", "joint (wide)", "gru"]


def test_repeats_of_one_task_are_one_in_the_tail(small: Callable[..., Config]) -> None:
    """Two tasks, six times each: the worst is the mean of one of them, not its unluckiest repeat."""
    two = [{"goal_x": 0.1 * (i % 2), "goal_y": 0.0} for i in range(12)]
    one = entry("joint", {0: -40.0})
    one = one._replace(evaluations=[one.evaluations[0]._replace(tasks=two)])
    tail = compare_runs._comparison(small("maml_point"), "test", [one], (0,), 0).places[0].tail
    assert tail.value == pytest.approx((-40 + SPREAD)[::2].mean())


def test_runs_of_the_same_seed_are_one(workdir: Path, small: Callable[..., Config]) -> None:
    made = [runs.create("maml_point", small("maml_point", seed=seed), "test") for seed in (0, 0, 1)]
    assert compare_runs._by_config(made) == [[made[0], made[2]]]


def test_one_run_is_trained_by_one_process(workdir: Path, small: Callable[..., Config]) -> None:
    run = runs.create("maml_point", small("maml_point"), "test")
    with run.locked(), pytest.raises(UserError, match="by another process"), run.locked():
        pass
    with run.locked():
        pass


POINT = "--tasks.horizon 8 --train.num_tasks 3 --train.episodes 2 --policy.hidden [8]".split()


def test_a_study_trains_judges_reports_and_does_nothing_twice(
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
    for said in ("Meta-SGD", "joint, fine-tuned", "from scratch", "oracle", "gru", "after 3", "wrote study.html"):
        assert said in out
    report = Path("study.html").read_text()
    assert report.count("data:image/png") == 2
    assert all(run.name in report for run in runs.every())
    iterations = [run.records()[-1]["iteration"] for run in runs.every()]
    assert sorted(iterations) == [2, 2, 2, 2, 4, 4, 4, 4]  # 150 steps, by 96, 48 and 144 an iteration
    monkeypatch.setattr(study, "_start", None)
    monkeypatch.setattr(evaluate, "evaluate", None)
    assert command(words, capsys)[0] == 0
    assert len(runs.every()) == 8


def test_a_study_that_is_ended_saves_and_goes_on(workdir: Path) -> None:
    """SIGTERM reaches the trainings, which save; nothing is left running, and nothing is trained twice."""
    words = ["study", "joint_robot", "--tasks", "maml_point", "--seeds", "0", "--steps", "2e6", *POINT]
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    started = subprocess.Popen([sys.executable, "-m", "metarl", *words], env=env, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any(run.metrics.is_file() and len(run.records()) > 2 for run in runs.every()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    started.terminate()
    said, _ = started.communicate(timeout=60)
    assert started.returncode == 4
    assert "the same command goes on" in said
    (run,) = runs.every()
    saved = checkpoint.load_newest(run.checkpoints).iteration
    assert 2 < saved == run.records()[-1]["iteration"] < run.config.train.iterations
    assert study.run_of(study.Wanted("joint_robot", run.config)).path == run.path  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study"], "at least one config"),
        (["study", "maml_robot", "--seeds", "3:1"], "there is no seed in it"),
        (["study", "maml_robot", "--seeds", "a"], "expected FROM:TO"),
        (["study", "maml_robot", "--steps", "0"], "--steps is 0"),
        (["study", "maml_robot", "--out", "x.md"], "ends in .html"),
        (["study", "maml_robot", "--tasks", "nothing"], "no tasks named"),
        (["study", "prototypical_omniglot", "--seeds", "0", "--steps", "9"], "learners that act"),
        (["study", "prototypical_omniglot", "--seeds", "0"], "learners that act"),
        (["study", "maml_robot", "--report-at", "-1"], "--at is -1"),
        (["study", "maml_robot", "--split", "ood"], "--split is ood: these tasks have train, test"),
        (["study", "maml_robot", "--train.num_threads", "2"], "--train.num_threads is not for a study"),
        (["study", "maml_robot", "--steps", "9", "--train.iterations", "2"], "--train.iterations is not for a study"),
    ],
)
def test_mistakes_are_said_in_a_sentence(
    words: list[str], said: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = command(words, capsys)
    assert code == 2
    assert said in err
