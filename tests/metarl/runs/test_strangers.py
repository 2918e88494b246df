"""A stranger's run folder reaches nothing outside itself, and is not believed further than it was checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint, folder, order
from metarl.training.trainer import Trainer
from tests import commands, damage_kinds, damage_runs

FEW = ["--tasks", "2", "--after", "0", "1", "--repeats", "1"]


@pytest.fixture
def run(small: Callable[..., Config], workdir: Path) -> folder.Run:
    """One of two iterations of a point's training."""
    config = small("maml_point")
    made, trainer = folder.create("point", config, ""), Trainer(config)
    made.write(
        "metrics.jsonl", "".join(f'{{"iteration": {i}, "env_steps": 9, "return_before": 0.0}}\n' for i in (1, 2))
    )
    trainer.iterate()
    checkpoint.save(made.checkpoints, trainer.state)
    return made


@pytest.fixture
def outside(workdir: Path) -> Path:
    path = workdir / "outside"
    path.mkdir()
    (path / "thesis.txt").write_text("precious")
    return path


def refused(words: list[str]) -> str:
    outcome = commands.run(words)
    outcome.check()
    assert outcome.code == 2, outcome
    return outcome.err


HOLD = """import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
time.sleep(99)"""


def test_every_byte_of_a_run_that_is_being_trained_survives_a_refused_command(run: folder.Run, workdir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run.path / "lock")], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        before = commands.snapshot(run.path)
        assert "is being trained by another process" in refused(["resume", str(run.path)])
        with pytest.raises(UserError, match="is being trained"):
            folder.Run(run.path).keep_records_until(1)
        assert not commands.changes(before, commands.snapshot(run.path))
        other.kill()


@pytest.mark.parametrize("name", ["lock", "metrics.jsonl", "checkpoints", "diverged.txt", ".metrics.jsonl.tmp"])
def test_a_link_in_a_run_is_never_written_through(name: str, run: folder.Run, outside: Path) -> None:
    path = run.path / name
    if path.is_dir():
        path.rename(outside / name)
    elif path.exists():
        path.unlink()
    path.symlink_to(outside / name if (outside / name).exists() else outside / "thesis.txt")
    before = commands.snapshot(outside)
    for words in (["resume", str(run.path)], ["evaluate", str(run.path), *FEW], ["plot", str(run.path)]):
        commands.run(words).check()
    assert not commands.changes(before, commands.snapshot(outside))


def test_pictures_and_results_replace_links(run: folder.Run, outside: Path) -> None:
    (run.path / "adaptation_test.png").symlink_to(outside / "thesis.txt")
    assert commands.run(["evaluate", str(run.path), *FEW]).code == 0
    assert (outside / "thesis.txt").read_text() == "precious"
    assert not (run.path / "adaptation_test.png").is_symlink()


def test_a_run_folder_that_is_a_link_is_refused(run: folder.Run) -> None:
    link = run.path.with_name("latest")
    link.symlink_to(run.path.name)
    assert "is a link: give the folder" in refused(["resume", str(link)])
    assert [r.path for r in folder.every()] == [run.path]


def test_strays_do_not_count_as_checkpoints_and_are_left_alone(run: folder.Run, small: Callable[..., Config]) -> None:
    strays = ["iteration_my_thesis", "iteration_9", "iteration_٠٠٠٠٠٠٩", "iteration_00000099"]
    for name in strays:
        (run.checkpoints / name).mkdir()
    state = checkpoint.load_newest(run.checkpoints)
    for i in (2, 3, 4):
        checkpoint.save(run.checkpoints, state._replace(iteration=i))
    assert sorted(os.listdir(run.checkpoints)) == sorted([*strays, "iteration_0000003", "iteration_0000004"])
    assert checkpoint.newest_iteration(run.checkpoints) == 4


def test_a_later_checkpoint_that_cannot_be_read_does_not_push_out_those_that_can(run: folder.Run) -> None:
    (run.checkpoints / "iteration_0009999").mkdir()
    state = checkpoint.load_newest(run.checkpoints)
    for i in (2, 3, 4):
        checkpoint.save(run.checkpoints, state._replace(iteration=i))
    assert sorted(os.listdir(run.checkpoints)) == [f"iteration_000{i}" for i in ("0003", "0004", "9999")]


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "lock", "environment.json", "config.yaml", "place.json", "diverged.txt"]
)
def test_pipes_and_devices_are_neither_waited_for_nor_read(name: str, run: folder.Run) -> None:
    (run.path / name).unlink(missing_ok=True)
    os.mkfifo(run.path / name)
    for words in (
        ["resume", str(run.path)],
        ["plot", str(run.path)],
        ["list", "runs"],
        ["evaluate", str(run.path), *FEW],
    ):
        commands.run(words).check()


NUMBER = "1" * 401


@pytest.mark.parametrize(
    "text",
    [
        f'{{"iteration": {NUMBER}, "env_steps": 1, "seconds": 1.0}}',
        f'{{"iteration": 2, "env_steps": 1, "seconds": {NUMBER}}}',
        f'{{"iteration": 2, "env_steps": 1, "seconds": 1.0, "score": {NUMBER}}}',
        '{"iteration": 2, "iteration": 2, "env_steps": 1, "seconds": 1.0}',
        '{"iteration": "2", "env_steps": 1, "seconds": 1.0}',
        '{"iteration": 2, "env_steps": true, "seconds": 1.0}',
        '{"iteration": 2, "env_steps": 1, "seconds": 1e999}',
        "[2, 1, 1.0]",
    ],
)
def test_numbers_that_cannot_be_leave_the_older_checkpoint(text: str, run: folder.Run) -> None:
    state = checkpoint.load_newest(run.checkpoints)
    path = checkpoint.save(run.checkpoints, state._replace(iteration=2))
    damage_kinds.reseal(path, "state.json", text.encode())
    assert checkpoint.load_newest(run.checkpoints).iteration == 1
    checkpoint.sweep(run.checkpoints, 2)
    assert commands.run(["evaluate", str(run.path), *FEW]).code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"returns": [[1.0]]},
        {"returns": [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]},
        {"greedy": "x"},
        {"tasks": [{}, {}]},
        {"tasks": [{"goal": 1}, {"goal": 1}]},
        {"after": [1, 0]},
        {"after": []},
        {"adapting_ms": [0.0]},
        {"trained_after": 7},
        {"minutes": 10**400},
        {"repeats": True},
    ],
)
def test_an_evaluation_that_does_not_fit_is_computed_again(change: dict[str, object], run: folder.Run) -> None:
    words = ["compare", str(run.path), *FEW, "--report-at", "1", "--baselines", "none", "--json"]
    first = commands.run(words)
    assert first.code == 0, first.err
    (stored,) = run.path.glob("evaluation_*.json")
    good = json.loads(stored.read_text())
    stored.write_text(json.dumps(good | change))
    again = commands.run(words)
    again.check()
    assert again.code == 0
    mended = json.loads(stored.read_text())
    assert {**mended, "adapting_ms": 0} == {**good, "adapting_ms": 0}


@pytest.mark.parametrize(
    "line", ['{"iteration": 3, "env_steps": 9}', '{"env_steps": 9}', f'{{"iteration": {NUMBER}, "env_steps": 1}}', "[]"]
)
def test_a_line_of_metrics_that_lacks_a_key_ends_nothing(line: str, run: folder.Run) -> None:
    with run.metrics.open("a") as file:
        file.write(line + "\n")
    for words in (["list", "runs"], ["plot", str(run.path)]):
        outcome = commands.run(words)
        outcome.check()
        assert outcome.code == 0


def test_the_newest_run_is_the_one_that_was_started_last_whatever_the_clock_says(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes back by an hour between the first and the second, as local time does in autumn."""
    config, now = small("maml_point"), time.time_ns()
    for stamp in (now, now - 3600 * 10**9):
        monkeypatch.setattr(time, "time_ns", lambda stamp=stamp: stamp)
        monkeypatch.setattr(time, "gmtime", lambda stamp=stamp: time.localtime(stamp // 10**9))
        latest = folder.create("point", config, "")
    assert latest.path.name == min(os.listdir("runs/point"))
    assert folder.find("point").path == latest.path
    assert folder.every()[-1].path == latest.path


def test_run_folders_are_named_in_utc_and_old_ones_are_read_in_local_time(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    before = time.strftime(order.NAME, time.gmtime())
    made = folder.create("point", small("maml_point"), "")
    assert before <= made.path.name <= time.strftime(order.NAME, time.gmtime())
    old = made.path.with_name("20260101-120000")
    old.mkdir()
    (old / "config.yaml").touch()
    assert order.started(old)[0] == 1767222000 * 10**9  # 2025-12-31 23:00 UTC
    monkeypatch.undo()
    time.tzset()


def test_no_damaged_run_folder_does_harm() -> None:
    assert damage_runs.main(34, names=("maml_point", "maml_sinusoid")).total() == 68


@pytest.mark.slow
def test_no_damaged_run_folder_does_harm_also_of_images() -> None:
    damage_runs.main(170, seed=1)
