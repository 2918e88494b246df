"""Run folders: created once, found by name, readable by later versions."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint, environment, folder
from metarl.training.trainer import Trainer

OLD_RUN = Path(__file__).parent / "version_0_11"  # two iterations of maml_point, made small, by version 0.11.0


@pytest.fixture
def old_run(workdir: Path) -> folder.Run:
    path = Path("runs/maml_point/20250101-000000")
    shutil.copytree(OLD_RUN, path)
    return folder.find("maml_point")


def test_a_run_of_version_0_11_is_read(old_run: folder.Run) -> None:
    """Its settings under their new names, all else as that version wrote it."""
    config = old_run.config
    assert (config.advantage.gamma, config.advantage.gae_lambda) == (0.97, 0.95)
    assert config.outer.model_dump()["ent_coef"] == 0.01
    assert config.outer.model_dump()["target_kl"] == 0.03
    assert config.learner.model_dump()["adapted_params"] == "all"
    assert [r["iteration"] for r in old_run.records()] == [1, 2]
    assert old_run.saved_placement == ("cpu", "cpu")
    assert old_run.commit is None
    assert checkpoint.selected_iteration(old_run) == 2


def test_a_run_of_version_0_11_resumes_where_it_stopped(old_run: folder.Run) -> None:
    """From its first checkpoint to its second, whose parameters and random numbers version 0.11 computed."""
    second = checkpoint.load_newest(old_run.checkpoints)
    shutil.rmtree(old_run.checkpoints / "iteration_0000002")
    trainer = Trainer(old_run.config, checkpoint.newest(old_run.checkpoints))
    assert trainer.iteration == 1
    trainer.iterate()
    assert trainer.iteration == second.iteration
    assert trainer.env_steps == second.env_steps
    assert torch.equal(trainer.generator.get_state(), second.generator.get_state())
    for name, value in second.theta.items():
        torch.testing.assert_close(trainer.theta[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["diverged.txt", "broke_down.txt"])
def test_why_a_run_diverged_is_read_in_new_and_old_folders(name: str, old_run: folder.Run) -> None:
    assert old_run.diverged == ""
    (old_run.path / name).write_text("the loss was NaN\n")
    assert old_run.diverged == "the loss was NaN"


def test_settings_of_an_unknown_version_are_refused_in_one_sentence(old_run: folder.Run) -> None:
    path = old_run.path / "config.yaml"
    path.write_text(path.read_text().replace("inner_lr:", "inner_rate:"))
    with pytest.raises(UserError, match=r"config\.yaml: learner\.inner_rate is not a setting; did you mean") as caught:
        _ = old_run.config
    assert "\n" not in str(caught.value)


def test_a_new_folder_holds_what_is_needed_to_repeat_the_run(small: Callable[..., Config], workdir: Path) -> None:
    config = small("maml_point")
    first = folder.create("maml_point", config, "metarl train maml_point")
    second = folder.create("maml_point", config, "metarl train maml_point")
    assert first.path != second.path
    assert first.config == config
    assert (first.path / "command.txt").read_text() == "metarl train maml_point\n"
    stored = json.loads((first.path / "environment.json").read_text())
    started = stored.pop("started")
    assert stored == environment.describe(None)
    assert 0 <= time.time_ns() - started < 60e9
    assert set(environment.PACKAGES) < set(stored)
    assert [run.path for run in folder.every()] == [first.path, second.path]
    assert folder.find("maml_point").path == second.path
    assert folder.find("maml_point@best").best
    with pytest.raises(UserError, match="there is no run at maml_pont; did you mean"):
        folder.find("maml_pont")


def test_records_after_a_checkpoint_are_dropped_and_incomplete_lines_ignored(old_run: folder.Run) -> None:
    with old_run.metrics.open("a") as file:
        file.write('{"iteration": 3, "env_st')
    assert len(old_run.records()) == 2
    old_run.keep_records_until(1)
    assert [r["iteration"] for r in old_run.records()] == [1]


def test_only_one_process_trains_in_a_folder(old_run: folder.Run) -> None:
    with old_run.locked(), pytest.raises(UserError, match="is being trained by another process"), old_run.locked():
        pass
