"""Commands as a user gives them, in this process."""

from __future__ import annotations

import pytest

from metarl.cli import app as cli
from metarl.runs import folder as runs


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, what was printed, and the errors."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def train(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Train a config; the folder of the run."""
    code, _, err = run(["train", name, *words], capsys)
    assert code == 0, err
    return str(runs.find(name).path)
