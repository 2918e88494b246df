"""YAML within limits: the scalars of version 1.2, and nothing that is larger or stranger than settings are."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from metarl.cli.app import main
from metarl.config import files, plain_yaml
from metarl.errors import UserError
from tests import fuzz_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("017", 17), ("0o17", 15), ("0x1F", 31), ("-3", -3), ("+1", 1)],
        *[("1e-3", 0.001), (".5", 0.5), ("1.", 1.0), (".inf", float("inf")), ("-.INF", -float("inf"))],
        *[("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None)],
        *[(text, text) for text in ("yes", "on", "n", "1:30", "190:20:30", "1_000", "2001-13-45", "=", "<<", "0o8")],
        *[("'17'", "17"), ('"true"', "true"), ("|\n 17", "17")],
        ("{1: 2, true: 3}", {"1": 2, "true": 3}),
    ],
)
def test_plain_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    """yaml.org/spec/1.2.2, section 10.3.2."""
    found = plain_yaml.parse_text(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        "1e-3",
        "017",
        "yes",
        "1:30",
        "0o17",
        ".5",
        "",
        "~",
        "2001-01-01",
        "0x1F",
        "*a",
        "!c",
        " x",
        1e-5,
        1e300,
        True,
        None,
    ],
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert plain_yaml.parse_text(plain_yaml.dump({"a": [value]})) == {"a": [value]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is there twice"),
        ("a: !!int ''", "line 1: the tag !!int is not allowed: leave it out"),
        ("a: !!bool abc", "the tag !!bool is not allowed"),
        ("! a", "the tag ! is not allowed"),
        ("9" * 5000, "the number 99999999999999999999... has more than 64 characters"),
        ("[" * 3000 + "]" * 3000, "line 1: it is nested more than 20 levels deep"),
        ("[" * 100_000, "it is nested more than 20 levels deep"),
        ("\n".join(["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 30))]), "more than 20 levels deep"),
        ("a: &x [*x]", "the alias *x has no anchor before it"),
        ("--- 1\n--- 2", "a second document begins"),
        ("? [1]\n: 2", "a key is not plain text"),
        ("- 1\n" * 20_000, "it holds more than 10,000 values"),
        ("x" * 300_000, "it is longer than 256 KiB"),
    ],
)
def test_what_settings_never_need_is_refused_with_its_line(text: str, sentence: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"\A[^\n]{10,200}\Z") as caught:
        plain_yaml.parse_text(text)
    assert sentence in str(caught.value)
    assert time.monotonic() - start < 2


def test_aliases_are_copies_and_few() -> None:
    found = plain_yaml.parse_text("a: &x {k: 1}\nb: *x")
    found["a"]["k"] = 2
    assert found["b"] == {"k": 1}
    lists = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ValueError, match=r"line 5: it holds more than 10,000 values, those of aliases included"):
        plain_yaml.parse_text("\n".join(["a0: &a0 [1]", *lists]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("seed: 0".encode("utf-16"), "byte 0 is not UTF-8"),
        (b"seed: \xff", "byte 6 is not UTF-8"),
        (b"seed: \0", "control characters are not allowed"),
        (b"#" * 300_000, "larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(UserError, match=rf"mine.yaml could not be read as YAML: .*{sentence}"):
        files.read_yaml(tmp_path / "mine.yaml")


def test_a_mark_of_the_encoding_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfseed: 3")
    assert files.read_yaml(tmp_path / "mine.yaml") == {"seed": 3}


def test_a_pipe_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.yaml")
    with pytest.raises(UserError, match=r"mine.yaml could not be read as YAML: it is no plain file"):
        files.read_yaml(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--train.deterministic yes", "--train.deterministic: 'yes' is neither true nor false"),
        ("--learner.inner_lr true", "--learner.inner_lr: true is no number"),
        ("--learner.inner_lr 1:30", "--learner.inner_lr is '1:30'; input should be a valid number"),
        ("--learner.inner_lr 2001-13-45", "--learner.inner_lr is '2001-13-45'"),
        ("--train.seed !!int", "the value of --train.seed could not be read as YAML: line 1: the tag !!int"),
        ("--policy.hidden {a,a}", "the value of --policy.hidden could not be read as YAML: line 1: the key 'a'"),
        (f"--train.iterations {'9' * 60}", "--train.iterations is 999999999999"),
        (f"--learner.kind {'x' * 9000}", "--learner.kind is 'xxxx"),
        (f"--tasks.robot {'x' * 9000}", "--tasks.robot is 'xxxx"),
    ],
)
def test_options_are_read_like_files(words: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        files.load(files.find("maml_slope"), files.split_overrides(words.split())[1])
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_017_is_seventeen() -> None:
    _, overrides = files.split_overrides(["--train.iterations", "017"])
    assert files.load(files.find("quickstart"), overrides).train.iterations == 17


def test_hostile_configs_are_refused_in_a_sentence() -> None:
    seen = fuzz_yaml.main(120, seed=1)
    assert sum(count for what, count in seen.items() if what.endswith("refused")) > 60


@pytest.mark.parametrize("value", ["2001-13-45", "!!int ''", "9" * 5000, "[" * 100_000, "*x"])
def test_the_config_of_one_run_does_not_end_what_is_asked_of_others(
    value: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from metarl.evaluation.study import PlannedRun, find_run

    config = files.load(files.find("quickstart"))
    for name in ("1", "2"):
        (workdir / "runs/quickstart" / name).mkdir(parents=True)
        text = files.dump(config)
        (workdir / "runs/quickstart" / name / "config.yaml").write_text(
            text if name == "1" else text.replace("seed: 0", f"seed: {value}")
        )
        (workdir / "runs/quickstart" / name / "metrics.jsonl").write_text(
            '{"iteration": 1, "env_steps": 10, "return_before": 1.0}\n'
        )
    for words in (["list", "runs"], ["plot", "runs/quickstart/1"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0, capsys.readouterr().err
    found = find_run(PlannedRun("quickstart", config))
    assert found
    assert found.path.name == "1"
