"""On a disk that is full, read-only or failing every command ends with its work or with one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from metarl.runs.run import Run
from metarl.system import files
from metarl.system.folders import Folder
from tests import commands, full_disks
from tests.metarl.runs.test_strangers import FEW, run

__all__ = ["run"]  # a fixture


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new can be written."""

    def refuse(*arguments: object, **others: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Folder, "create", refuse)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_result_that_cannot_be_stored_is_printed(options: list[str], run: Run, full: None) -> None:
    for words in (["evaluate", str(run.path), *FEW], ["compare", str(run.path), *FEW, "--baselines", "none"]):
        outcome = commands.run([*words, *options])
        outcome.check()
        assert outcome.code == 2
        assert "No space left on device" in outcome.err
        assert len(outcome.out) > 200, "the result was not printed"


def test_a_picture_that_cannot_be_written_is_one_sentence(run: Run, full: None, workdir: Path) -> None:
    outcome = commands.run(["plot", str(run.path)])
    assert outcome.code == 2
    assert outcome.err == "error: training.png could not be read or written: No space left on device\n"
    assert not (workdir / "training.png").exists()


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=r"Input/output error: '.*picture\.png'"):
        files.atomic_write(tmp_path / "picture.png", "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_every_command_on_many_disks() -> None:
    assert full_disks.main(6).total() == 6 * len(full_disks.COMMANDS)


def test_quick_commands_on_some_disks() -> None:
    full_disks.main(3, ["list", "plot", "resume"])
