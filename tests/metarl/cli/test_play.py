"""`metarl play` as a person meets it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.cli import play
from metarl.config.experiment import Config
from tests.metarl.cli.test_app import run
from tests.metarl.deploy.small_runs import config_of, save

HOME = Path(__file__).resolve().parents[3]


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_serves_a_page_and_ends_cleanly_by_ctrl_c(small: Callable[..., Config], in_folder: Path) -> None:
    pytest.importorskip("viser", reason="viser is not installed: pip install -e '.[viewer]'")
    save(small("maml_cheetah_direction"), in_folder / "runs" / "cheetah" / "one")
    words = [sys.executable, "-P", "-u", "-m", "metarl", "play", "cheetah", "--port", "0", "--task", "direction=-1"]
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MUJOCO_GL")} | {"PYTHONPATH": str(HOME)}
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"cheetah/one at (http://127\.0\.0\.1:\d+); Ctrl-C ends it\n", line)
        assert found, line
        with urllib.request.urlopen(found[1], timeout=30) as answer:
            assert b"<html" in answer.read(2000)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "ended\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mine", "--task", "goal_x"], "--task got 'goal_x', expected NAME=VALUE with a number"),
        (["mine", "--task", "speed=1"], "this family has no parameter speed"),
        (["mine", "--task", "goal_x=9"], "goal_x=9 lies outside"),
        (["mine"], "mine/one has no body to show: its tasks are not those of a robot"),
        (["mine", "--port", "70000"], "--port is 70000, expected 0 to 65535"),
        (["nobodys"], "there is no run"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], said: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("viser", reason="viser is not installed: pip install -e '.[viewer]'")
    save(config_of("joint"), in_folder / "runs" / "mine" / "one")
    code, _, err = run(["play", *words], capsys)
    assert code == 2
    assert re.search(said, err)
    assert len(err.splitlines()) == 1


def test_runs_that_do_not_act_are_refused(
    small: Callable[..., Config], in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(small("maml_sinusoid"), in_folder / "runs" / "waves" / "one")
    code, _, err = run(["play", "waves"], capsys)
    assert code == 2
    assert "waves/one is no policy: its tasks are of kind sinusoid" in err


def test_a_missing_viewer_is_named_with_its_remedy(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(config_of("joint"), in_folder / "runs" / "mine" / "one")
    monkeypatch.setattr(play.importlib.util, "find_spec", lambda name: None)
    code, _, err = run(["play", "mine"], capsys)
    assert (code, err) == (2, f"error: viser is not installed: {play.INSTALL}\n")
