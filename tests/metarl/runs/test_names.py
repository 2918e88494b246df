"""A run made from the config of another run keeps its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.config.experiment import Config
from metarl.evaluation.study import plan_runs
from metarl.runs import folder as runs
from metarl.runs.names import name_of_config
from tests.metarl.evaluation.command import run as command


def test_the_config_of_a_run_gives_the_name_of_that_run(workdir: Path, small: Callable[..., Config]) -> None:
    run = runs.create("quick", small("maml_point"), "test")
    assert name_of_config(run.path / "config.yaml") == "quick"
    own = Path("config.yaml")
    own.write_text((run.path / "config.yaml").read_text())
    assert name_of_config(own) == "config"
    assert name_of_config(Path("configs/maml_point.yaml")) == "maml_point"


def test_training_and_studies_of_a_stored_config_are_filed_under_its_name(
    workdir: Path, small: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    stored = str(runs.create("quick", small("maml_point"), "test").path / "config.yaml")
    code, _, err = command(["train", stored], capsys)
    assert code == 0, err
    assert [run.path.parent.name for run in runs.every()] == ["quick", "quick"]
    assert [p.name for p in plan_runs([stored], [], [0], None, "test", {})] == ["quick"]


def test_a_list_of_no_runs_says_so(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(["list", "runs"], capsys)
    assert code == 0
    assert "there are no runs below" in out
    assert command(["list", "runs", "--json"], capsys)[1].strip() == "{}"
