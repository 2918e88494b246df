"""A run can be judged on other tasks than those of its training, as long as its policy fits them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.other_tasks import on_other_tasks
from metarl.training.build import build_family
from tests.metarl.evaluation.command import run as run_command
from tests.metarl.evaluation.saved import save_run


def test_a_longer_horizon_and_a_finer_simulation_are_those_of_the_judge(
    workdir: Path, small: Callable[..., Config]
) -> None:
    run = save_run("joint_robot", small("joint_robot"))
    changed = on_other_tasks(run, {"tasks.horizon": 7, "tasks.substeps": 2, "tasks.physics": "default"})
    family, trained = build_family(changed.config), build_family(run.config)
    assert family.horizon == 7
    assert family.control_step == trained.control_step
    assert family.model.opt.timestep == trained.model.opt.timestep / 2
    assert (family.model.opt.integrator, family.model.opt.cone) == (0, 0)  # Euler, pyramidal
    assert on_other_tasks(run, {}) is run


def test_what_a_policy_does_not_fit_is_refused(workdir: Path, small: Callable[..., Config]) -> None:
    run = save_run("joint_robot", small("joint_robot"))
    with pytest.raises(UserError, match="changes tasks alone"):
        on_other_tasks(run, {"outer.outer_lr": 1.0})
    with pytest.raises(UserError, match=r"was trained with .* observations"):
        on_other_tasks(run, {"tasks.name": "AntDirection"})
    with pytest.raises(UserError, match="other variables, or other training ranges"):
        on_other_tasks(run, {"tasks.name": "pearl-cheetah-vel"})


def test_nothing_is_stored_of_other_tasks(
    workdir: Path, small: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run("joint_robot", small("joint_robot"))
    before = sorted(p.name for p in run.path.iterdir())
    words = ["evaluate", str(run.path), "--tasks", "2", "--repeats", "1", "--tasks.horizon", "5"]
    code, out, _ = run_command(words, capsys)
    assert code == 0
    assert "all tasks" in out
    assert sorted(p.name for p in run.path.iterdir()) == before
    code, _, err = run_command([*words[:-2], "--learner.kind", "oracle"], capsys)
    assert code == 2
    assert "changes tasks alone" in err
