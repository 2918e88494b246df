"""A run knows the model that its robot was trained with."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarl.config import files as settings
from metarl.errors import UserError
from metarl.runs import folder as runs
from metarl.runs.folder import Run
from tests.envs.anatomy.dogs import dog


@pytest.fixture
def run(workdir: Path) -> Run:
    (workdir / "inner.xml").write_text("<mujocoinclude><asset/></mujocoinclude>")
    (workdir / "dog.xml").write_text(dog().replace("<worldbody>", '<include file="inner.xml"/><worldbody>'))
    config = settings.load("maml_cheetah_velocity", {"tasks.robot": "dog.xml", "tasks.ctrl_cost": 0.0})
    return runs.create("dog", config, "metarl train dog")


def test_a_run_whose_model_is_as_it_was_is_used(run: Run) -> None:
    assert run.environment.model is not None
    run.check_model()


@pytest.mark.parametrize("name", ["dog.xml", "inner.xml"])
def test_a_run_whose_model_was_changed_is_refused(run: Run, name: str) -> None:
    Path(name).write_text(Path(name).read_text() + "<!-- changed -->")
    with pytest.raises(UserError, match="was trained with another model of its robot"):
        run.check_model()


def test_a_run_whose_model_is_gone_is_refused(run: Run) -> None:
    Path("dog.xml").unlink()
    with pytest.raises(UserError, match=r"dog\.xml cannot be read"):
        run.check_model()


def test_shipped_robots_have_no_files_of_their_own(workdir: Path) -> None:
    for name in ("maml_cheetah_velocity", "maml_robot", "gru_point"):
        assert settings.load(name).tasks.model_digest() is None
