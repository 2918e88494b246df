"""What the verbs share."""

from __future__ import annotations

import shlex

import pytest

from metarl.cli import app as cli
from metarl.cli.common import as_options
from metarl.config.files import split_overrides


def test_settings_are_written_as_they_are_typed_and_read_back_as_they_were() -> None:
    """In the line that reproduces a run: text needs quotation marks only where it would be read as something else."""
    values = {"a.b": "ant", "a.c": "my file.xml", "a.d": "3", "a.e": [1, 2], "a.f": None, "a.g": "null", "a.h": "a: b"}
    values |= {"a.i": 1.5, "a.j": "", "a.k": "it's", "a.l": "--x", "a.m": " x", "a.n": "x # y", "a.o": "true"}
    options = as_options(values)
    assert options[0] == "--a.b ant"
    assert split_overrides(shlex.split(" ".join(options))) == ([], values)


@pytest.mark.parametrize(("what", "names"), [("kinds", ("locomotion", "named")), ("outers", ("ppo", "trpo"))])
def test_list_names_what_a_config_can_say(
    what: str, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["list", what])
    assert not caught.value.code
    assert set(names) <= {line.split()[0] for line in capsys.readouterr().out.splitlines()}
