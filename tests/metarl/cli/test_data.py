"""`metarl data` as it is typed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from metarl.cli import app as cli
from metarl.system import downloads


def _run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


def test_archives_are_taken_from_the_folder_that_is_named(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Path | None] = []
    monkeypatch.setattr(downloads, "make_omniglot", lambda missing, archives, console: taken.append(archives))
    Path("archives").mkdir()
    for words in ([], ["--from", "archives"]):
        code, out, err = _run(["data", "omniglot", "--out", "packed", *words], capsys)
        assert (code, err) == (0, ""), err
        assert "wrote packed/" in out
    assert taken == [None, Path("archives")]


def test_a_folder_of_archives_that_is_not_there_is_one_sentence(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = _run(["data", "omniglot", "--from", "nowhere"], capsys)
    assert (code, err) == (2, "error: --from is 'nowhere', expected a folder\n")


def test_no_option_has_the_name_under_which_the_options_that_were_given_are_kept() -> None:
    assert [name for name, command in cli.COMMANDS.items() if "given" in {f.name for f in fields(command)}] == []
