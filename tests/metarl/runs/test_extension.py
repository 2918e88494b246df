"""A finished run says so, and a run is extended as if it had been trained for longer from the start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from metarl.runs import checkpoint
from metarl.runs import folder as runs
from tests.metarl.evaluation.command import run as command
from tests.metarl.evaluation.command import train

TINY = "--train.num_tasks 3 --train.episodes 2 --train.num_threads 1 --tasks.horizon 8 --policy.hidden [8]".split()


def iterations(number: int) -> list[str]:
    return ["--train.iterations", str(number)]


def files(run: runs.Run) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


def test_a_finished_run_says_so_and_how_to_extend_it(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runs.Run(Path(train("maml_point", [*TINY, *iterations(2)], capsys)))
    before = files(run)
    for words in ([], iterations(2)):
        code, out, err = command(["resume", str(run.path), *words], capsys)
        assert code == 0, err
        assert f"{run.path} is finished after 2 iterations" in out
        assert f"metarl resume {run.path} --train.iterations 4" in out
        assert files(run) == before


def test_an_extended_run_is_that_of_a_longer_training_to_the_bit(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = runs.Run(Path(train("maml_point", [*TINY, *iterations(5)], capsys)))
    run = runs.Run(Path(train("maml_point", [*TINY, *iterations(2)], capsys)))
    code, out, err = command(["resume", str(run.path), *iterations(5)], capsys)
    assert code == 0, err
    assert "outer.lr_anneal" not in out
    assert [r["iteration"] for r in run.records()] == [1, 2, 3, 4, 5]
    a, b = (checkpoint.load_newest(r.checkpoints) for r in (whole, run))
    assert all(torch.equal(a.theta[k], b.theta[k]) for k in a.theta)
    assert all(torch.equal(a.outer[k], b.outer[k]) for k in a.outer)
    assert torch.equal(a.generator.get_state(), b.generator.get_state())
    assert runs.Run(run.path).config == whole.config  # so that resuming it again goes on to five
    commands = (run.path / "command.txt").read_text().splitlines()
    assert commands[1] == f"metarl resume {run.path} --train.iterations 5"


def test_a_run_is_not_made_shorter_than_it_is(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runs.Run(Path(train("maml_point", [*TINY, *iterations(3)], capsys)))
    before = files(run)
    for words, message in [
        (iterations(2), "--train.iterations is 2, but the run has done 3 already: give more than 3"),
        (["--train.iterations", "many"], "train.iterations"),
        (["--outer.outer_lr", "0.1", *iterations(5)], "--outer.outer_lr is not an option"),
    ]:
        code, _, err = command(["resume", str(run.path), *words], capsys)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1
        assert files(run) == before


def test_a_rate_that_falls_over_the_whole_training_is_told(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of two iterations: the rate is at 0; two of eight: at three quarters."""
    run = runs.Run(Path(train("maml_point", [*TINY, "--outer.lr_anneal", "true", *iterations(2)], capsys)))
    code, out, err = command(["resume", str(run.path), *iterations(8)], capsys)
    assert code == 0, err
    assert "so here it goes from 0 to 0.75 of outer.outer_lr" in out
    assert "not that of a training over 8 iterations from the start" in out
