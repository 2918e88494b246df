"""Regression is evaluated by points shown and by gradient steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.metarl.evaluation.command import run, train

SMALL_MEMORY = "--learner.hidden 8 --learner.locations 8 --learner.width 4 --train.num_tasks 2".split()


def test_a_memory_reads_waves(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("mann_sinusoid", [*SMALL_MEMORY, "--train.iterations", "1"], capsys)
    code, out, err = run(["evaluate", "mann_sinusoid", "--tasks", "12"], capsys)
    assert code == 0, err
    assert "after" in out
    assert "before" in out
