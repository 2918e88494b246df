"""A search draws from its space, gives up what falls behind, goes on where it stopped, and never sees test tasks."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from metarl.config import files as settings
from metarl.config.loggers import Metrics
from metarl.errors import UserError
from metarl.evaluation import search_trial
from metarl.evaluation.evaluators import evaluator_of
from metarl.evaluation.search_space import Variable, read_space
from metarl.reporting.plots.search import Scores, plot_search
from metarl.runs import folder as runs
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.command import run as command

optuna = pytest.importorskip("optuna", reason="needs the extra tune")

from metarl.evaluation.search import Claim, Plan, Search, split_of  # noqa: E402
from metarl.evaluation.search_jobs import search_here  # noqa: E402
from metarl.evaluation.search_table import best_trial, finished_trials, search_table  # noqa: E402

TINY: dict[str, Any] = {
    "train.num_tasks": 2,
    "train.episodes": 2,
    "train.num_threads": 1,
    "train.checkpoint_every": 1,
    "train.iterations": 4,
    "tasks.horizon": 5,
    "policy.hidden": [4],
}
RATES = Variable("outer.outer_lr", 1e-4, 1e-1, log=True)
SPACE = f"outer.outer_lr: {{low: {RATES.low}, high: {RATES.high}, log: true}}\n"


def plan(name: str = "tune_tiny", **changes: Any) -> Plan:
    path = settings.find("maml_point")
    steps = 4 * 3 * 2 * 2 * 5  # iterations x (2 rounds of adaptation + 1) x tasks x episodes x steps
    made = Plan(name, path, TINY, [RATES], steps, 0, True, "metarl tune")
    return made._replace(**changes)


def quiet() -> Console:
    return Console(file=io.StringIO())


# --- the space --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "outer.outr_lr: {low: 1, high: 2}",
            "outer.outr_lr is not a setting of this config; did you mean outer.outer_lr?",
        ),
        ("outer.outer_lr: {low: -1, high: 1}", "outer.outer_lr: low is -1; input should be greater than 0"),
        ("outer.outer_lr: {low: 0, high: 1, log: true}", "low is 0, expected more than 0 on a logarithmic scale"),
        ("outer.outer_lr: {low: 2, high: 1}", "low is 2 and high is 1, expected low below high"),
        ("outer.outer_lr: {low: 1}", "has no high"),
        ("outer.outer_lr: {low: 1, hihg: 2}", "outer.outer_lr.hihg means nothing here; did you mean high?"),
        ("outer.outer_lr: {low: a, high: 2}", "expected numbers for low and high"),
        ("outer.outer_lr: 3", "outer.outer_lr is 3, expected {low: ..., high: ...} or {choices: [...]}"),
        ("outer.num_epochs: {low: 1, high: 2.5}", "is a whole number: low is 1 and high is 2.5"),
        ("policy.activation: {low: 1, high: 2}", "is no number (tanh or elu or relu): give choices"),
        ("policy.activation: {choices: [tanh, elus]}", "the choice 'elus' is 'elus'; did you mean elu?"),
        ("policy.activation: {choices: [tanh]}", "expects choices alone, a list of two or more"),
        ("train.iterations: {low: 1, high: 2}", "every candidate gets the same budget"),
        ("tasks.horizon: {low: 1, high: 2}", "it would change the problem, not the solution"),
        ("seed: {low: 1, high: 2}", "it would change the problem, not the solution"),
        ("", "expected a mapping"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_at_once(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_space(path, settings.find("maml_point"), TINY)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_space_knows_whole_numbers_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(f"{SPACE}outer.num_epochs: {{low: 1, high: 3}}\npolicy.critic_hidden: {{choices: [null, [4]]}}\n")
    with pytest.raises(UserError, match=r"policy.critic_hidden: the choice \[4\].*predicts no returns"):
        read_space(path, settings.find("maml_point"), TINY)
    path.write_text(f"{SPACE}outer.num_epochs: {{low: 1, high: 3}}\npolicy.hidden: {{choices: [[4], [8, 8]]}}\n")
    rate, epochs, hidden = read_space(path, settings.find("maml_point"), {})
    assert (rate.is_whole, epochs.is_whole, rate.log) == (False, True, True)
    assert isinstance(epochs.distribution(), optuna.distributions.IntDistribution)
    assert hidden.value("[8, 8]") == [8, 8]


def test_every_candidate_has_the_same_budget() -> None:
    """Four iterations of two tasks are two iterations of four."""
    assert plan().config_of({}).train.iterations == 4
    assert plan().config_of({"train.num_tasks": 4}).train.iterations == 2
    assert plan().config_of({"train.episodes": 8}).train.iterations == 1


# --- the search -------------------------------------------------------------------------------------------------------


def test_a_search_that_was_stopped_ends_like_one_that_was_not(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second candidate gets Ctrl-C in its second iteration; then another process goes on."""
    whole = Search(plan("whole"))
    assert search_here(whole, 3, quiet())

    iterate, calls = Trainer.iterate, [0]

    def interrupted(trainer: Trainer) -> Metrics:
        calls[0] += 1
        if calls[0] == 4 + 2:
            os.kill(os.getpid(), signal.SIGINT)
        return iterate(trainer)

    monkeypatch.setattr(Trainer, "iterate", interrupted)
    assert not search_here(Search(plan("stopped")), 3, quiet())
    monkeypatch.setattr(Trainer, "iterate", iterate)
    states = [t.state.name for t in Search(plan("stopped")).trials()]
    assert states == ["COMPLETE", "RUNNING"]

    stopped = Search(plan("stopped"))
    assert search_here(stopped, 3, quiet())
    a, b = whole.trials(), stopped.trials()
    assert [t.params for t in a] == [t.params for t in b]
    assert [t.value for t in a] == [t.value for t in b]
    assert len(runs.every()) == 6


def test_finished_candidates_are_kept_and_more_can_follow(workdir: Path) -> None:
    first = Search(plan())
    assert search_here(first, 2, quiet())
    again = Search(plan())
    assert search_here(again, 3, quiet())
    assert [t.params for t in again.trials()[:2]] == [t.params for t in first.trials()[:2]]
    assert len({t.params["outer.outer_lr"] for t in again.trials()}) == 3
    best = best_trial(again)
    assert best.value == max(t.value for t in again.trials())
    config = plan().config_of(plan().values(best.params))
    assert settings.parse(json.loads(config.model_dump_json())) == config
    rows = search_table(again).rows
    assert rows[0][0] == str(best.number)
    assert float(rows[0][2]) == pytest.approx(best.params["outer.outer_lr"], rel=1e-3)


def test_the_score_is_that_of_training_tasks_with_draws_of_their_own(workdir: Path) -> None:
    """The same number as from the evaluator, of a file that names split and seed; no test task is simulated."""
    search = Search(plan())
    assert search_here(search, 1, quiet())
    (trial,) = search.trials()
    run = search.run_of(trial)
    (stored,) = run.path.glob("evaluation_*.json")
    assert stored.name.startswith("evaluation_train_")
    assert "seed3000003" in stored.name
    evaluator = evaluator_of(run.config)
    result = evaluator.evaluate(run, evaluator.search_options("train", 3_000_003))
    assert trial.value == pytest.approx(result.returns[result.after.index(4)].mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "split"), [("prototypical_omniglot", "validation"), ("maml_sinusoid", "train"), ("maml_point", "train")]
)
def test_no_candidate_is_chosen_by_test_tasks(name: str, split: str, small: Any) -> None:
    assert split_of(small(name)) == split


@pytest.mark.slow
def test_images_are_scored_on_validation_classes(workdir: Path, small: Any) -> None:
    overrides = {"tasks.data": "glyphs", "tasks.way": 3, "tasks.query": 2, "train.num_tasks": 2, "train.num_threads": 1}
    rate = Variable("outer.outer_lr", 1e-4, 1e-2, log=True)
    search = Search(Plan("tune", settings.find("prototypical_omniglot"), overrides, [rate], 2, 0, True, ""))
    assert search_here(search, 1, quiet())
    (trial,) = search.trials()
    assert 0 <= (trial.value or -1) <= 1
    (stored,) = search.run_of(trial).path.glob("accuracy_*.json")
    assert stored.name.startswith("accuracy_validation_")


def test_processes_work_on_different_candidates(workdir: Path) -> None:
    one, two = Search(plan()), Search(plan())
    with one.claim(2) as a, two.claim(2) as b, one.claim(2) as none:
        assert a is not None
        assert b is not None
        assert none is None
        assert {a.trial.number, b.trial.number} == {0, 1}
        assert a.run.path != b.run.path
    with two.claim(2) as left:
        assert left is not None
        assert (left.trial.number, left.is_new) == (0, False)


def test_another_search_in_the_same_folder_is_refused(workdir: Path) -> None:
    Search(plan())
    Search(plan(overrides={**TINY, "train.num_threads": 2}))  # which changes nothing that is learned
    for changed in (plan(space=[RATES._replace(high=1.0)]), plan(steps=1.0), plan(overrides={**TINY, "seed": 1})):
        with pytest.raises(UserError, match="holds another search"):
            Search(changed)


def test_what_the_config_refuses_counts_and_is_told(workdir: Path) -> None:
    """Four minibatches of two tasks do not exist; one and two do."""
    search = Search(plan(space=[Variable("outer.minibatches", choices=(1, 4))]))
    assert search_here(search, 6, quiet())
    told = {t.state.name for t in search.trials()}
    assert told == {"COMPLETE", "FAIL"}
    assert len(search.trials()) == 6
    assert "refused" in search_table(search).notes[1]


# --- giving up --------------------------------------------------------------------------------------------------------


def before(study: Any, values: list[float]) -> None:
    """A candidate with these scores of its training."""
    trial = study.ask()
    for part, value in enumerate(values, 1):
        trial.report(value, part)
    study.tell(trial, values[-1])


@pytest.mark.parametrize(("score", "given_up_at"), [(1.5, None), (0.5, 5)])
def test_a_training_below_the_median_is_given_up(score: float, given_up_at: int | None) -> None:
    """Five before it had the scores 0, 0, 1, 2, 2 throughout: the median is 1. Not before a quarter of the training."""
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5)
    )
    for value in (0.0, 0.0, 1.0, 2.0, 2.0):
        before(study, [value] * 20)
    watch = search_trial.Watch(Claim(study.ask(), runs.Run(Path()), is_new=True), 40)
    stops = [i for i in range(1, 41) if watch({"iteration": i, "return_after": score, "return_before": 9.0})]
    assert (stops[0] // 2 if stops else None) == given_up_at  # two iterations a part
    assert watch.has_pruned == bool(stops)


def test_what_is_compared_is_the_mean_since_the_last_time() -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    trial = study.ask()
    watch = search_trial.Watch(Claim(trial, runs.Run(Path()), is_new=True), 40)
    for i, value in enumerate([1.0, 3.0, float("inf"), 5.0], 1):
        watch({"iteration": i, "loss": -value})
    assert study.trials[0].intermediate_values == {1: 2.0, 2: 5.0}


def test_a_candidate_that_diverges_is_told_so(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metarl.errors import DivergedError

    def diverges(trainer: Trainer) -> Metrics:
        raise DivergedError("diverged")

    monkeypatch.setattr(Trainer, "iterate", diverges)
    search = Search(plan())
    assert search_here(search, 1, quiet())
    assert [t.state.name for t in search.trials()] == ["PRUNED"]
    assert not finished_trials(search)
    with pytest.raises(UserError, match=r"no candidate of .* came to its end"):
        best_trial(search)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_a_config_that_trains(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text(SPACE)
    tiny = [f"--{key}={json.dumps(value)}" for key, value in TINY.items()]
    words = ["tune", "maml_point", "--space", "space.yaml", "--trials", "2", "--jobs", "1", *tiny]
    code, out, err = command(words, capsys)
    assert code == 0, err
    assert "0 of 2 candidates so far" in out
    assert "metarl train runs/tune_maml_point/maml_point_tuned.yaml --seed 1" in out
    found = Path("runs/tune_maml_point")
    assert (found / "search.png").stat().st_size > 1000
    assert "outer.outer_lr" in (found / "search.md").read_text()
    code, out, err = command(words, capsys)
    assert "2 of 2 candidates so far" in out
    code, out, err = command(["train", str(found / "maml_point_tuned.yaml"), "--seed", "1"], capsys)
    assert code == 0, err
    trained = runs.find("maml_point_tuned").config
    assert trained.train.iterations == 4
    assert 1e-4 <= getattr(trained.outer, "outer_lr") <= 1e-1  # noqa: B009


@pytest.mark.slow
def test_several_processes_share_a_search(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text(SPACE)
    tiny = [f"--{key}={json.dumps(value)}" for key, value in TINY.items() if key != "train.num_threads"]
    code, out, err = command(["tune", "maml_point", "--space=space.yaml", "--trials=3", "--jobs=2", *tiny], capsys)
    assert code == 0, err
    assert "3 candidates: " in out
    assert len(runs.every()) == 3
    assert {run.config.train.num_threads for run in runs.every()} == {1}
    assert settings.load(Path("runs/tune_maml_point/maml_point_tuned.yaml")).train.num_threads == 0


def test_the_picture_has_the_same_bytes_again(tmp_path: Path) -> None:
    scores = Scores({0: 1.0, 1: 3.0, 3: 2.0}, [2])
    for name in ("a.png", "b.png"):
        plot_search(scores, {"outer.outer_lr": 0.7, "learner.inner_lr": 0.3}, "tune", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    plot_search(scores, {}, "tune", tmp_path / "c.svg")
    assert "importance" not in (tmp_path / "c.svg").read_text()
