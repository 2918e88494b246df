"""Help, and one sentence for a command line that does not fit."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metarl import __version__
from metarl.cli import app as cli
from metarl.cli import overview, parsing
from metarl.cli.app import COMMANDS
from metarl.cli.data import Data
from metarl.config import files as settings
from metarl.config.reference import settings_of_config


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("tarin quickstart", "metarl has no command 'tarin'; did you mean train?"),
        ("--seed 3 train", "metarl has no option --seed before a command"),
        ("evaluate q --shot 1", "--shot is not an option of metarl evaluate; did you mean --shots?"),
        ("evaluate q --shots a", "--shots is 'a', expected whole numbers with blanks between them"),
        ("evaluate q --after 0,1", "--after is '0,1', expected whole numbers with blanks between them"),
        ("evaluate q --seed x", "--seed is 'x', expected a whole number"),
        ("evaluate q --seed=4x", "--seed is '4x', expected a whole number"),
        ("evaluate q --seed", "--seed needs a value: see metarl evaluate --help"),
        ("evaluate q --bn --seed 3", "--bn needs a value: see metarl evaluate --help"),
        ("evaluate q --split tset", "--split got 'tset'; did you mean test?"),
        ("evaluate q r", "metarl evaluate does not know what to do with 'r': see metarl evaluate --help"),
        ("evaluate", "metarl evaluate needs RUN: a run folder, a config's name for its newest run, or hf://user/name"),
        ("list", "metarl list needs one of configs, tasks, kinds, robots, "),
        ("doctor quadruped", "does not know what to do with 'quadruped': a robot is shown by --robot quadruped"),
        ("doctor my/dog.xml", "a robot is shown by --robot my/dog.xml"),
        ("doctor dragon", "'dragon': --robot shows a robot, an MJCF file or one of ant, half_cheetah, "),
        ("study a --split validation", "--split got 'validation'; expected one of ood, test, train"),
        ("list run", "metarl list got 'run'; did you mean runs?"),
        (
            "compare a --no-vidoes",
            "--no-vidoes is not an option of metarl compare; did you mean --no-videos?",
        ),
        ("study a --steps x", "--steps is 'x', expected a number"),
        ("train --lr 0.1 maml_slope", "did you mean --learner.inner_lr or --outer.outer_lr?"),
        ("train maml_slope --lr 0.1", "did you mean --learner.inner_lr or --outer.outer_lr?"),
        (
            "train gru_point --num-task 3",
            "--num-task is not an option of metarl train; did you mean --train.num_tasks?",
        ),
        (
            "train quickstart --gamma=0.9",
            "--gamma=0.9 is not an option of metarl train; did you mean --advantage.gamma?",
        ),
        ("train quickstart --sed 3", "--sed is not an option of metarl train; did you mean --seed?"),
        ("train maml_slope --learner.inner_lrr 1", "is not a setting; did you mean --learner.inner_lr?"),
        ("train maml_slope --leaner.inner_lr 1", "is not a setting; did you mean --learner.inner_lr?"),
        ("train maml_slope --learner.outer_lr 1", "is not a setting; did you mean --outer.outer_lr?"),
        ("train quickstart --tasks.vary.slope_deg.chioces 1", "did you mean --tasks.vary.slope_deg.choices?"),
        ("train quickstart --policy.hidden --seed 1", "--policy.hidden needs a value"),
        ("train quickstart --policy.hidden 32 -1", "--policy.hidden.1 is -1; input should be greater than"),
        ("train quickstart --train.iterations 3 4", "--train.iterations is [3, 4]; input should be a valid integer"),
        ("evaluate maml_point", "maml_point was never trained here: train it first, by metarl train maml_point"),
        ("evaluate quikstart", "there is no run at quikstart; did you mean quickstart? train it first"),
        ("train quickstart --widget 3", "--widget is not an option of metarl train; see metarl train --help"),
    ],
)
def test_a_command_line_that_does_not_fit_is_one_sentence(
    words: str, sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(words.split(), capsys)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert "│" not in err


@pytest.mark.parametrize(
    "box",
    [
        "╭─ Oh ─────╮\n│ Not like │\n│ this.    │\n│ ──────── │\n│ Help     │\n╰──────────╯\n",
        " Oh \n ---------- \n  Not like  \n  this.     \n  --------  \n  Help      \n            \n",
    ],
    ids=["framed", "without frames, where letters are few"],
)
def test_whatever_tyro_says_becomes_one_sentence(box: str) -> None:
    """Also in words of another version."""
    assert parsing._sentence(box, "metarl x", []) == "Not like this.; see metarl x --help"


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--help"], capsys)
    assert code == 0
    assert re.findall(r"^  ([a-z]\w+)", out, flags=re.M) == list(cli.COMMANDS)
    assert run([], capsys)[:2] == (2, out)
    assert run(["help"], capsys)[:2] == (0, out)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], capsys) == (0, f"metarl {__version__}\n", "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_a_command_keeps_the_lines_of_its_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run([name, "--help"], capsys)
    assert code == 0
    shown = re.findall(r"^ +(metarl .*)", cli.COMMANDS[name].__doc__ or "", flags=re.M)
    assert [line.strip() for line in out.splitlines() if line.strip().startswith("metarl ")] == shown
    assert "None" not in out
    assert "(default: )" not in out


def test_some_commands_show_examples() -> None:
    shown = {name for name, command in cli.COMMANDS.items() if "    metarl " in (command.__doc__ or "")}
    assert shown >= {"train", "record", "bench", "analyse", "data", "study", "submit"}


@pytest.mark.parametrize("name", ["quickstart", "maml_omniglot", "ntm_copy", "gru_bandit"])
def test_the_help_of_training_a_config_lists_every_setting(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["train", name, "--help"], capsys)
    assert code == 0
    config = settings.load(settings.find(name))
    listed = dict(re.findall(r"^  --(\S+\.\S+)(?: (.*))?$", out, flags=re.M))
    assert set(listed) == {setting.key for setting in settings_of_config(config)}
    assert json.loads(listed["train.iterations"]) == config.train.iterations
    assert "Learning rate of the outer step (beta)." in " ".join(out.split())


def test_the_help_of_training_tells_type_default_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(["train", "quickstart", "--help"], capsys)
    text = " ".join(out.split())
    assert "--advantage.gamma 0.97 number ≥ 0, ≤ 1; default 0.99. Discount factor." in text
    assert "--train.iterations 333 integer ≥ 1, ≤ 1,000,000; required. Outer iterations." in text


def test_the_help_of_a_config_that_is_wrong_is_a_sentence(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text("seed: 0\n")
    code, _, err = run(["train", "x.yaml", "--help"], capsys)
    assert (code, err) == (2, "error: x.yaml: tasks is missing\n")


@pytest.mark.parametrize("shell", overview.SHELLS)
def test_completion_is_printed_for_every_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--completion", shell], capsys)
    assert code == 0
    assert "evaluate" in out
    assert "split" in out


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """The script is sourced, and asked as bash asks it."""
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    made = subprocess.run(
        [sys.executable, "-m", "metarl", "--completion", "bash"], env=env, capture_output=True, check=True
    )
    (tmp_path / "script").write_bytes(made.stdout)
    ask = (
        'source ./script; function=$(complete -p metarl | sed "s/.*-F \\([^ ]*\\).*/\\1/")\n'
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $function metarl "${@: -1}" "${@: -2:1}"; '
        "echo ${COMPREPLY[@]}; }\n"
        "ask metarl eval; ask metarl evaluate --sp; ask metarl evaluate x --split o\n"
    )
    done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["evaluate", "--split", "ood"], done.stderr


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["--completion", "cmd"], capsys)
    assert (code, err) == (2, "error: --completion is 'cmd', expected one of bash, fish, zsh\n")


def test_no_option_of_a_command_is_taken_for_what_was_given() -> None:
    """`given` is a note for a command, not the value of an option of that name."""
    for name, command in COMMANDS.items():
        assert "given" not in {field.name for field in dataclasses.fields(command)}, name
    assert parsing.parse("data", Data, ["omniglot", "--from", "downloads"]).archives == Path("downloads")
    assert parsing.parse("data", Data, ["omniglot"]).archives is None
