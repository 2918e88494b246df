"""Long commands say how far they are: with the time left, also without a terminal, and never into what is piped."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from metarl.config.experiment import Config
from metarl.evaluation import progress as module
from metarl.evaluation.evaluator import Options
from metarl.evaluation.evaluators import EVALUATORS, evaluator_of
from metarl.evaluation.progress import Progress, ProgressDisplay
from metarl.system.published import VARIABLE, published
from tests.metarl.evaluation.command import run as command
from tests.metarl.evaluation.saved import save_run

SMALL = {  # of each evaluator: a config, and options
    "accuracy": ("mann_omniglot", Options("validation", 5, ways=(3,), shots=(1, 2))),
    "adaptation": ("maml_point", Options("test", 3, after=(0, 1, 5), repeats=2)),
    "regression": ("maml_sinusoid", Options("test", 5)),
    "sequences": ("ntm_copy", Options("test", 5)),
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_without_a_terminal_a_line_is_said_now_and_then(clock: list[float]) -> None:
    file = io.StringIO()
    with ProgressDisplay(Console(file=file)) as display:
        display.expect(200)
        display.begin("evaluating [one]")
        for second in range(1, 31):
            clock[0] = float(second)
            display.advance(2)
    assert file.getvalue().splitlines() == [
        "evaluating [one]: 3 %  left 0:01:37",
        "evaluating [one]: 14 %  left 0:01:26",
        "evaluating [one]: 25 %  left 0:01:15",
    ]


def test_what_is_refused_at_once_says_nothing_else(clock: list[float]) -> None:
    file = io.StringIO()
    with ProgressDisplay(Console(file=file)) as display:
        display.expect(200)
        clock[0] = 5.0
        display.begin("evaluating")
    assert file.getvalue() == ""


def test_on_a_terminal_there_is_a_bar_with_the_time_left() -> None:
    file = io.StringIO()
    with ProgressDisplay(Console(file=file, force_terminal=True, width=100)) as display:
        display.expect(2)
        display.begin("tuning [x]")
        display.advance(1)
        display.bar.refresh()  # type: ignore[union-attr]  # on a terminal there is one
    assert "tuning [x]" in file.getvalue()
    assert "50%" in file.getvalue()
    assert "-:--:--" in file.getvalue() or "0:00" in file.getvalue()


def test_who_started_a_process_finds_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress"
    assert published(path) == 0
    monkeypatch.setenv(VARIABLE, str(path))
    with ProgressDisplay(Console(file=io.StringIO())) as display:
        display.expect(4)
        display.advance(1)
    assert published(path) == 0.25
    path.write_text("much")
    assert published(path) == 0


@pytest.mark.parametrize("kind", EVALUATORS)
def test_every_evaluator_tells_all_of_its_work(kind: str, workdir: Path, small: Callable[..., Config]) -> None:
    name, options = SMALL[kind]
    run, progress = save_run(name, small(name)), Progress()
    evaluator_of(run.config).evaluate_all([run], options, progress)
    assert progress.label == f"evaluating {run.name}"
    assert progress.done == pytest.approx(progress.total)
    assert progress.total > 0


def test_what_is_said_does_not_mix_with_what_is_piped(
    workdir: Path, small: Callable[..., Config], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOON", 0)
    run = save_run("maml_point", small("maml_point"))
    options = ["--tasks", "2", "--after", "0", "1", "--repeats", "1"]
    for words in (["evaluate", str(run.path)], ["compare", str(run.path), "--report-at", "1", "--seed", "1"]):
        code, out, err = command([*words, *options, "--json"], capsys)
        assert code == 0, err
        json.loads(out)
        assert err.startswith(f"evaluating {run.name}: ")


def test_baselines_need_a_run_of_joint_training(
    workdir: Path, small: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run("maml_point", small("maml_point"))
    for words in (["compare", str(run.path)], ["study", "maml_robot", "--seeds", "0"]):
        code, _, err = command([*words, "--baselines", "scratch"], capsys)
        assert code == 2
        assert "--baselines scratch is of joint training" in err
