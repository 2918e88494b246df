"""From a run to a policy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import metarl
from metarl.config import files as settings
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs.run import Run
from metarl.training.trainer import Trainer
from tests.metarl.deploy.small_runs import config_of

SmallRun = Callable[[str], Run]
HOME = Path(__file__).resolve().parents[3]


def test_a_run_is_found_as_on_the_command_line(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its folder, the name of its config, and its best checkpoint, which is not its newest here."""
    config = config_of("joint")
    folder = tmp_path / "runs" / "my_config" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(settings.dump(config))
    trainer = Trainer(config)
    for score in (1.0, 0.0):
        trainer.iterate()
        checkpoint.save(folder / "checkpoints", trainer.state._replace(score=score))
    monkeypatch.chdir(tmp_path)
    newest, best = metarl.load("my_config"), metarl.load("my_config@best")
    assert (metarl.load(folder).act([0.1, 0.2]) == newest.act([0.1, 0.2])).all()
    assert np.abs(best.act([0.1, 0.2]) - newest.act([0.1, 0.2])).max() > 0
    for name, value in newest.trained.theta.items():
        torch.testing.assert_close(value, trainer.theta[name], rtol=0, atol=0)
    with pytest.raises(UserError, match="my_confik"):
        metarl.load("my_confik")


def test_a_run_on_images_is_no_policy(tmp_path: Path) -> None:
    config = settings.load("maml_sinusoid")
    (tmp_path / "config.yaml").write_text(settings.dump(config))
    with pytest.raises(UserError, match=r"is no policy: its tasks are of kind sinusoid, which ask for numbers and not"):
        metarl.load(tmp_path)


def test_importing_the_package_imports_nothing_that_acts() -> None:
    code = "import sys, metarl; print(sorted({'torch', 'gymnasium', 'metarl.deploy'} & {*sys.modules}))"
    env = os.environ | {"PYTHONPATH": str(HOME)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=HOME, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_torch_keeps_its_threads(small_run: SmallRun) -> None:
    """A policy is a guest in somebody else's process."""
    path, before = small_run("maml").path, torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        metarl.load(path).act([0.0, 0.0])
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
