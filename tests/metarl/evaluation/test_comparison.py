"""Learners side by side: scores by hand, names, and what is filled in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.comparison import Comparison, compare_entries, compare_runs, profile
from metarl.evaluation.comparison_entries import Entry, group_by_config
from metarl.evaluation.evaluator import Options
from metarl.reporting.comparison_tables import tables
from metarl.runs import folder as runs
from metarl.training.loop import train
from metarl.training.trainer import Trainer

TASKS = [{"goal_x": 0.1 * i - 0.5, "goal_y": 0.3} for i in range(12)]
SPREAD = np.linspace(-1, 1, 12)


def entry(learner: str, means: dict[int, float], seeds: int = 1) -> Entry:
    """Returns of 12 tasks around a mean after so many episodes; seed s adds s."""
    after, evaluations = tuple(means), []
    for s in range(seeds):
        returns = np.stack([mean + s + SPREAD for mean in means.values()])
        evaluations.append(
            Evaluation(
                f"{learner}/{s}", learner, "test", 0, 2, 10, 1000, 0.5, TASKS, after, max(after), returns, returns + 5,
                (0.0,) * len(after), 0.0, "",
            )
        )  # fmt: skip
    baseline = learner if learner in ("joint", "oracle", "sb3") else ""
    return Entry(f"{learner}_point", learner, list(range(seeds)), evaluations, baseline)


@pytest.fixture
def comparison(small: Callable[..., Config]) -> Comparison:
    entries = [
        entry("joint", {0: -40.0}),
        entry("oracle", {0: -20.0}),
        entry("maml", {0: -40.0, 1: -35.0, 3: -25.0}, seeds=3),
    ]
    return compare_entries(small("maml_point"), "test", entries, (0, 1, 3), 3)


def test_scores_by_hand(comparison: Comparison) -> None:
    joint, oracle, maml = comparison.rows
    assert (joint.score[0].value, joint.score[0].low, joint.score[0].high) == (0, 0, 0)
    assert (oracle.score[3].value, oracle.score[3].low, oracle.score[3].high) == (1, 1, 1)
    assert maml.curve[3].value == pytest.approx(-24)  # of seeds that add 0, 1, 2
    assert maml.score[3].value == pytest.approx((-24 + 40) / 20)
    assert maml.score[3].low < maml.score[3].value < maml.score[3].high
    assert maml.mean.value == pytest.approx(-24)
    assert maml.tail.value == pytest.approx(-25)  # the worst task of each seed, one below its mean
    assert maml.greedy.value == pytest.approx(-19)
    assert maml.improvement.value == 1


def test_the_ends_of_the_scale_are_certain(small: Callable[..., Config]) -> None:
    """Whatever seeds are resampled, joint training is 0 and the oracle 1; what is between them is not certain."""
    entries = [entry("joint", {0: -40.0}, 3), entry("oracle", {0: -20.0}, 3), entry("maml", {0: -40.0, 3: -30.0}, 3)]
    joint, oracle, maml = compare_entries(small("maml_point"), "test", entries, (0, 3), 3).rows
    assert joint.score[0] == (0, 0, 0)
    assert oracle.score[3] == (1, 1, 1)
    assert maml.score[3].low < 0.5 < maml.score[3].high


@pytest.mark.parametrize(("oracle", "sb3", "score"), [(-20.0, -30.0, 0.5), (-30.0, -15.0, 0.4)])
def test_the_better_of_oracle_and_sb3_is_the_ceiling(
    oracle: float, sb3: float, score: float, small: Callable[..., Config]
) -> None:
    """10 above joint training: a half of the way to -20, and two fifths of that to -15."""
    entries = [
        entry("joint", {0: -40.0}),
        entry("oracle", {0: oracle}),
        entry("sb3", {0: sb3}),
        entry("maml", {0: -40.0, 3: -30.0}),
    ]
    comparison = compare_entries(small("maml_point"), "test", entries, (0, 3), 3)
    better, worse = ("oracle", "sb3") if oracle > sb3 else ("sb3", "oracle")
    assert comparison.ceiling == better
    assert comparison.ends == (pytest.approx(-40), pytest.approx(max(oracle, sb3)))
    by_name = {row.entry.learner: row for row in comparison.rows}
    assert by_name["maml"].score[3].value == pytest.approx(score)
    assert by_name[better].score[0] == pytest.approx((1, 1, 1))
    assert by_name[worse].score[0].value < 1
    returns, scores, _ = tables(comparison)
    assert scores.title.endswith(f"score between joint training (0) and {better} (1)")
    levels = f"an interquartile mean of {max(oracle, sb3):g}, against {min(oracle, sb3):g} of {worse}"
    assert returns.notes[1] == f"the ceiling is {better}: {levels}"
    assert not any("beaten" in note for note in returns.notes)
    assert comparison.to_json()["ceiling"] == better


def test_one_ceiling_is_enough(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -40.0}), entry("sb3", {0: -20.0})]
    comparison = compare_entries(small("maml_point"), "test", entries, (0,), 0)
    assert (comparison.ceiling, comparison.ends) == ("sb3", (pytest.approx(-40), pytest.approx(-20)))
    assert len(tables(comparison)[0].notes) == 1


def test_a_learner_above_the_ceiling_is_noted(small: Callable[..., Config]) -> None:
    """After 1 episode it is as good, after 3 it is better by 1 in each of twelve tasks."""
    entries = [
        entry("joint", {0: -40.0}),
        entry("oracle", {0: -20.0}),
        entry("maml", {0: -40.0, 1: -20.0, 3: -19.0}),
        entry("gru", {0: -30.0, 1: -25.0, 3: -21.0}),
    ]
    comparison = compare_entries(small("maml_point"), "test", entries, (0, 1, 3), 3)
    assert [row.above for row in comparison.rows] == [(), (), (3,), ()]
    for table in tables(comparison)[:2]:
        (note,) = (n for n in table.notes if "beaten" in n)
        assert note.startswith("the ceiling is beaten: maml (after 3) did better than oracle, beyond the 95 % interval")
        assert "a defect of the ceiling" in note
    assert comparison.to_json()["learners"][2]["above_ceiling_after"] == (3,)


def test_a_learner_above_the_ceiling_by_chance_is_not_noted(small: Callable[..., Config]) -> None:
    """It is better by 1, but its trainings differ by up to 8: the interval of the difference holds 0."""
    entries = [entry("oracle", {0: -20.0}), entry("maml", {0: -23.0}, seeds=9)]
    comparison = compare_entries(small("maml_point"), "test", entries, (0,), 0)
    assert comparison.rows[1].curve[0].value == pytest.approx(-19)
    assert comparison.rows[1].above == ()
    assert not any("beaten" in note for note in tables(comparison)[0].notes)


def test_joint_training_above_the_ceiling_is_noted_where_there_is_no_score(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -20.0}), entry("oracle", {0: -40.0})]
    comparison = compare_entries(small("maml_point"), "test", entries, (0,), 0)
    assert any("the ceiling is beaten: joint did better than oracle" in n for n in tables(comparison)[0].notes)


def test_runs_whose_actions_have_other_units_are_on_the_same_tasks(workdir: Path, small: Callable[..., Config]) -> None:
    """SB3's actions lie in [-1, 1], others' in [-10, 10]: they stand in one table, each acts in its own units."""
    made = []
    of_joint = {"tasks__action_scale": 10.0, "outer__minibatches": 1}
    for name, changes in {"sb3_ppo_robot": {"tasks__action_scale": 1.0}, "joint_robot": of_joint}.items():
        config = small(name, train__iterations=1, **changes)
        made.append(runs.create(name, config, "test"))
        train(made[-1], Trainer(config), Console(file=io.StringIO()))
    (comparison,) = compare_runs(made, Options(num_tasks=2, after=(0,), repeats=1), at=0, starts=())
    assert [row.entry.learner for row in comparison.rows] == ["SB3's PPO, observes the task", "joint training"]
    assert comparison.title == "pearl-cheetah-dir, horizon 10"


def test_profile_by_hand(comparison: Comparison) -> None:
    maml = comparison.rows[2].entry
    levels = np.array([-10.0, (-24 + 40) / 20, 10.0])
    share = profile(comparison, maml, levels)
    returns = maml.returns(3)
    np.testing.assert_allclose(share, [1, (returns > -24 + 1e-9).mean(), 0], atol=1 / 36)


def test_tables_have_curves_scores_and_facts(comparison: Comparison) -> None:
    curve, score, facts = tables(comparison)
    assert curve.headers == ["learner", "before", "after 1", "after 3"]
    assert curve.rows[0][2:] == ["", ""]  # joint training does not adapt
    assert "12 tasks x 1/3 training seeds" in curve.notes[0]
    assert score.rows[2][3].startswith("0.80 [")
    assert facts.rows[2][1] == "3"
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_task_on_which_all_simulations_diverged_counts_as_the_worst(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -40.0}), entry("oracle", {0: -20.0}), entry("maml", {0: -30.0, 3: -30.0})]
    entries[2].evaluations[0].returns[1, 3] = np.nan
    comparison = compare_entries(small("maml_point"), "test", entries, (0, 3), 3)
    joint, _, maml = (row.entry.returns(3) for row in comparison.rows)
    assert maml[0, 3] == joint[0, 3]
    assert "maml: all simulations of a task diverged 1 time" in tables(comparison)[0].notes[1]
    for e in entries:
        e.evaluations[0].returns[:, 3] = e.evaluations[0].greedy[:, 3] = np.nan
    with pytest.raises(UserError, match="the simulations of every learner diverged"):
        compare_entries(small("maml_point"), "test", entries, (0, 3), 3)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"joint": -20.0, "oracle": -40.0}, "the ceiling (oracle) is not clearly better"),
        ({"joint": -20.0, "oracle": -50.0, "sb3": -40.0}, "the ceiling (sb3) is not clearly better"),
        ({"joint": -20.0}, "an oracle was not given"),
        ({"maml": -20.0}, "joint training and an oracle were not given"),
    ],
)
def test_without_a_scale_there_is_a_note_instead_of_a_score(
    levels: dict[str, float], message: str, small: Callable[..., Config]
) -> None:
    entries = [entry(name, {0: level}) for name, level in levels.items()]
    comparison = compare_entries(small("maml_point"), "test", entries, (0,), 0)
    curve, _ = tables(comparison)
    assert any(message in note for note in curve.notes)
    returns = entries[0].returns(0)  # of which the profile is then
    shares = profile(comparison, entries[0], np.array([-100.0, np.median(returns), 100.0]))
    assert shares.tolist() == [1.0, (returns > np.median(returns)).mean(), 0.0]


def test_learners_of_one_kind_have_distinct_names(small: Callable[..., Config]) -> None:
    entries = [entry("joint", {0: -40.0}), entry("joint", {0: -30.0}), entry("gru", {0: -20.0, 3: -9.0})]
    entries[1] = entries[1]._replace(name="wide")
    names = [p.entry.learner for p in compare_entries(small("maml_point"), "test", entries, (0, 3), 3).rows]
    assert names == ["joint", "joint (wide)", "gru"]


def test_repeats_of_one_task_are_one_in_the_tail(small: Callable[..., Config]) -> None:
    """Two tasks, six times each: the worst is the mean of one of them, not its worst repeat."""
    two = [{"goal_x": 0.1 * (i % 2), "goal_y": 0.0} for i in range(12)]
    one = entry("joint", {0: -40.0})
    one = one._replace(evaluations=[one.evaluations[0]._replace(tasks=two)])
    tail = compare_entries(small("maml_point"), "test", [one], (0,), 0).rows[0].tail
    assert tail.value == pytest.approx((-40 + SPREAD)[::2].mean())


def test_runs_of_the_same_seed_are_one(workdir: Path, small: Callable[..., Config]) -> None:
    made = [runs.create("maml_point", small("maml_point", seed=seed), "test") for seed in (0, 0, 1)]
    assert group_by_config(made) == [[made[0], made[2]]]
