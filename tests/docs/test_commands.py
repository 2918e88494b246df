"""Every `metarl` command that README and the documentation show is one that the command line takes."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parent.parent.parent
SCRIPT = HOME / "docs" / "check_commands.py"


def check(*options: str) -> str:
    """In a process of its own, for plugins stay registered."""
    words = [sys.executable, str(SCRIPT), *options]
    env = os.environ | {"PYTHONPATH": str(HOME)}
    done = subprocess.run(words, cwd=HOME, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_all_commands_parse_and_their_settings_exist() -> None:
    assert check("--parse-only").splitlines()[-1].startswith("0 run, ")


@pytest.mark.slow
def test_the_short_ones_run() -> None:
    assert not check().splitlines()[-1].startswith("0 run, ")


def test_commands_are_found_in_blocks_and_in_text(tmp_path: Path) -> None:
    """An indented one with a comment, a fenced one over two lines, one in text; none with something left out."""
    page = tmp_path / "page.md"
    script: dict[str, Any] = runpy.run_path(str(SCRIPT.with_name("shown_commands.py")))
    text = (
        "    metarl train a  # a comment\n\n```\nmetarl train b \\\n    --seed 1\n```\n"
        "Use `metarl train c`, `metarl train <name>`, `metarl record RUN` or `metarl list a | b`.\n"
    )
    page.write_text(text)
    found = [c.words for c in (*script["in_blocks"](page), *script["in_text"](page))]
    assert found == [["metarl", "train", "a"], ["metarl", "train", "b", "--seed", "1"], ["metarl", "train", "c"]]
