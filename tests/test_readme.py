"""What README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metarl import config as settings
from metarl.cli import COMMANDS

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_the_library_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With two iterations instead of twenty."""
    code, _ = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert '"train.iterations": 20' in code
    exec(code.replace('"train.iterations": 20', '"train.iterations": 2'), {})
    assert capsys.readouterr().out.count("after adaptation") == 2


def test_the_gymnasium_example_runs() -> None:
    """With two worlds and steps instead of many."""
    _, code = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    for long, short in (("num_envs=64", "num_envs=2"), ("n_steps=100", "n_steps=2"), ("6400", "4")):
        assert long in code
        code = code.replace(long, short)
    exec(code, {})


def test_every_command_and_config_it_names_exists() -> None:
    commands = set(re.findall(r"^ +metarl (\w+)", README, flags=re.M))
    assert commands == set(COMMANDS) - {"quickstart"}
    trained = set(re.findall(r"metarl train (\w+)", README))
    assert trained <= set(settings.names())


def test_every_path_it_names_exists() -> None:
    home = Path(__file__).resolve().parent.parent
    paths = re.findall(r"`((?:envs|agents|metarl|configs|tests)/[\w/.]*)`", README)
    assert len(paths) > 10
    assert all((home / p).exists() for p in paths)
