"""What commands print is text as it stands: nothing in a name or a path is read as markup."""

from __future__ import annotations

import io
import re
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
