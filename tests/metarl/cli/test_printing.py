"""What commands print is text as it stands: nothing in a name or a path is read as markup."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from metarl.cli import app as cli
from metarl.cli.common import PlainConsole
from metarl.evaluation.text_table import TextTable
from metarl.runs import folder as runs

HOME = Path(__file__).resolve().parents[3]
TINY = "--train.iterations 1 --train.num_tasks 2 --train.episodes 2 --train.num_threads 1 --tasks.horizon 3".split()


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


@pytest.mark.parametrize("name", ["maml[v2]", "a[b]", "x[red]", "c:smile:"])
def test_brackets_in_the_name_of_a_config_are_printed(
    name: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`[v2]` is a tag to rich; a name that is taken as one is not the name."""
    from metarl.config import files

    Path(f"{name}.yaml").write_text(files.find("maml_point").read_text())
    code, out, err = run(["train", f"{name}.yaml", *TINY], capsys)
    assert code == 0, err
    path = str(runs.find(name).path)
    assert out.count(path) == 2, out
    code, out, err = run(["evaluate", path, "--tasks", "2", "--after", "0", "1", "--repeats", "1"], capsys)
    assert code == 0, err
    assert f"wrote {path}" in out
    assert f"{runs.find(name).name}, iteration 1" in out
    assert runs.find(name).name in run(["list", "runs"], capsys)[1]


def test_a_closing_tag_in_a_path_is_no_error(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a[").mkdir()
    code, out, err = run(["analyse", "estimators", "--tasks", "1", "--out", "a[/b].png"], capsys)
    assert code == 0, err
    assert "wrote a[/b].png" in out


def test_the_advice_of_doctor_keeps_its_brackets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from metarl.system import doctor

    monkeypatch.setattr(doctor, "_version", lambda package: None)
    assert "pip install -e '.[gpu]'" in run(["doctor"], capsys)[1]


def test_what_is_being_done_is_printed_as_it_stands() -> None:
    out = io.StringIO()
    terminal = PlainConsole(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    with terminal.status("filming a[red].mp4") as status:
        status.update("filming c[/red].mp4")
    assert "c[/red].mp4" in out.getvalue()


def test_a_table_is_printed_as_it_stands_on_any_console() -> None:
    out = io.StringIO()
    table = TextTable("a[b]", ["[red]"], [["c[/d]"]], ["[e]"])
    Console(file=out, width=80).print(table.to_terminal())
    assert all(text in out.getvalue() for text in ("a[b]", "[red]", "c[/d]", "[e]"))


def test_no_console_and_no_progress_bar_reads_markup() -> None:
    sources = [p for floor in ("metarl", "agents", "envs") for p in (HOME / floor).rglob("*.py")]
    made = [
        call
        for p in sources
        for call in re.findall(r"\b(?:Console|TextColumn)\((?:[^()]|\([^()]*\))*\)", p.read_text())
    ]
    assert made
    assert [call for call in made if "markup=False" not in call] == []


EVIL = "\x1b]0;pwned\x07\x9b31m\r"


def test_a_name_cannot_command_a_terminal(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The title of a window, colours, and the begin of the line, by escape sequences of one byte or two."""
    from metarl.config import files

    Path(f"{EVIL}.yaml").write_text(files.find("maml_point").read_text())
    code, out, err = run(["train", f"{EVIL}.yaml", *TINY], capsys)
    assert code == 0, err
    (path,) = Path("runs", EVIL).iterdir()
    (path / "place.json").write_text("[")  # which is warned about
    said = out + err
    for words in (["list", "runs"], ["resume", str(path)], ["plot", str(path), "--out", str(path / "x.png")]):
        code, out, err = run(words, capsys)
        assert code == 0, err
        said += out + err
    assert "]0;pwned" in said
    assert not [c for c in said if not c.isprintable() and c not in "\n\t\xa0"]


def test_warnings_cannot_command_a_terminal(workdir: Path) -> None:
    warn = "logging.getLogger('x').warning('a\\x1b[1m')"
    code = f"import logging; from metarl.cli import app; app.overview.answer = lambda *_: {warn} or 0; app.main(['-h'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=HOME)
    assert b"a?[1m" in done.stderr


def test_a_name_that_is_no_text_is_said_and_hides_no_neighbour(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(["train", "maml_point", *TINY], capsys)
    assert code == 0, err
    path = runs.find("maml_point").path
    strange = os.fsdecode(b"\xff\xfe")
    for folder in (Path("runs", strange, "20260101-000000"), path.with_name(strange)):
        shutil.copytree(path, folder)
        for words in (["resume", str(folder)], ["plot", str(folder)], ["train", f"{folder}.yaml"]):
            code, _, err = run(words, capsys)
            assert code == 2
            assert r"\xff\xfe" in err
            assert "is not UTF-8 text" in err
    assert [found.path for found in runs.every()] == [path]
    assert run(["list", "runs"], capsys)[0] == 0
    assert run(["resume", "maml_point"], capsys)[0] == 0
