"""Hostile input: run folders, checkpoints, data files and arguments of unknown origin.

None of it is executed, nothing is written outside the run folder, and each is refused in one sentence.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from metarl.cli import app as cli
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint, environment, folder
from metarl.training.trainer import Trainer
from tests import damage, damage_kinds

MARK = "code_was_run"
PICKLES = [pickle.dumps(os.mkdir, protocol=p) for p in range(6)]


class RunsCode:
    """Pickles to a call of `os.mkdir`."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (MARK,)


PICKLES += [pickle.dumps(RunsCode(), protocol=p) for p in range(6)]
TAGS = [
    f"!!python/object/apply:os.mkdir [{MARK}]",
    f"!!python/object/new:os.mkdir [{MARK}]",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object:tests.metarl.runs.test_hostile.RunsCode {}",
    f"!!python/object/apply:subprocess.check_output [[mkdir, {MARK}]]",
    f"!!python/object/apply:builtins.eval [\"__import__('os').mkdir('{MARK}')\"]",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!unknown x",
    "&a [*a]",
    "*nowhere",
]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
NAMES = [
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "\x00",
        "x" * 5000,
        "x" * 300,
        "\udc80",
        "~/x",
        "$(mkdir code_was_run)",
    ),
    *("`mkdir code_was_run`", "os.system", "builtins:eval", "http://x/y", "file:///etc/passwd", "{}", "%s%s%s", "\n"),
]
KEYS = (
    "tasks.name",
    "tasks.kind",
    "learner.kind",
    "policy.hidden",
    "train.iterations",
    "train.simulator",
    "outer.kind",
)
COMMANDS = (["resume"], ["evaluate"], ["plot"], ["record"], ["compare"])


@pytest.fixture
def watched(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Forbidden operations so far: code that was run, files written outside the working directory."""
    done: list[str] = []
    monkeypatch.setattr(environment, "commit", lambda: None)  # git is allowed

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching[0]:
            return
        if event in ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
            done.append(f"{event} {arguments[:2]}")
        if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
            path, writes = os.path.realpath(arguments[0]), set(arguments[1]) & set("wax+")
            if writes and not path.startswith((str(workdir), "/dev/", "/tmp/.")):
                done.append(f"wrote {path}")

    watching = [True]
    sys.addaudithook(hook)
    yield done  # type: ignore[misc]
    watching[0] = False


def refused(words: list[str]) -> str:
    """The error message of a command that must fail."""
    with pytest.raises(UserError) as caught:
        cli._run(words)
    message = str(caught.value)
    assert "\n" not in message
    assert 10 < len(message) < 5000
    return message


@pytest.fixture
def run(small: Callable[..., Config], workdir: Path) -> folder.Run:
    """One iteration of a point's training."""
    config = small("maml_point")
    made, trainer = folder.create("point", config, ""), Trainer(config)
    trainer.iterate()
    checkpoint.save(made.checkpoints, trainer.state)
    return made


def assert_nothing_ran(watched: list[str], workdir: Path) -> None:
    assert watched == []
    assert not list(workdir.rglob(MARK))


@pytest.mark.parametrize("slot", [*checkpoint.FILES, checkpoint.MANIFEST])
def test_pickles_in_a_checkpoint_are_bytes(slot: str, run: folder.Run, watched: list[str], workdir: Path) -> None:
    (path,) = run.checkpoints.glob("iteration_*")
    content = (path / slot).read_bytes()
    for payload in PICKLES:
        (path / slot).write_bytes(payload)
        assert "could not be read" in refused(["evaluate", str(run.path)]) or slot != checkpoint.MANIFEST
        if slot in checkpoint.FILES:
            damage_kinds.reseal(path, slot, payload)
            refused(["resume", str(run.path)])
        (path / slot).write_bytes(content)
        if slot in checkpoint.FILES:
            damage_kinds.reseal(path, slot, content)
    assert_nothing_ran(watched, workdir)


@pytest.mark.parametrize("tag", [*TAGS, BOMB])
def test_tags_in_settings_are_refused(tag: str, run: folder.Run, watched: list[str], workdir: Path) -> None:
    good = (run.path / "config.yaml").read_text()
    for text in (tag, f"tasks: {tag}\n", good.replace("seed: 0", f"seed: {tag}"), good + f"\nextra: {tag}\n"):
        (run.path / "config.yaml").write_text(text)
        for command in COMMANDS[:2]:
            refused([*command, str(run.path)])
        (workdir / "theirs.yaml").write_text(text)
        refused(["train", "theirs.yaml"])
    assert_nothing_ran(watched, workdir)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_names(name: str, run: folder.Run, watched: list[str], workdir: Path) -> None:
    before = sorted(p.name for p in workdir.parent.iterdir())
    for key in KEYS:
        refused(["train", "quickstart", f"--{key}", name])
    for command in (*COMMANDS, ["train"]):
        refused([*command, name])
    assert sorted(p.name for p in workdir.parent.iterdir()) == before
    assert_nothing_ran(watched, workdir)


@pytest.mark.parametrize("file", ["metrics.jsonl", "environment.json", "place.json", "evaluation_test_x.json", "lock"])
def test_other_files_of_a_run_are_data(file: str, run: folder.Run, watched: list[str], workdir: Path) -> None:
    """What cannot be read of them is ignored or refused, and never executed."""
    for payload in (*PICKLES[::3], b"\xff\xfe", b"[" * 100_000, b'{"iteration": "x"}', b"null", b"", b"{}"):
        (run.path / file).write_bytes(payload)
        for words in (["plot", str(run.path)], ["list", "runs"]):
            with suppress(UserError):
                cli._run(words)
    assert_nothing_ran(watched, workdir)


def test_data_files_are_data(watched: list[str], workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METARL_DATA", raising=False)
    for payload in PICKLES:
        (workdir / "omniglot.npz").write_bytes(payload)
        refused(["train", "prototypical_omniglot", "--data", str(workdir / "omniglot.npz")])
    assert_nothing_ran(watched, workdir)


def test_a_link_out_of_the_run_is_not_followed(run: folder.Run, watched: list[str], workdir: Path) -> None:
    (path,) = run.checkpoints.glob("iteration_*")
    elsewhere = workdir / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert "it is a link" in refused(["evaluate", str(run.path)])
    assert_nothing_ran(watched, workdir)


def test_no_module_can_read_pickles() -> None:
    """No module imports pickle, or calls what reads it."""
    root = Path(settings.__file__).parents[2]
    words = (
        "import pickle",
        "torch.load(",
        "allow_pickle=True",
        "UnsafeLoader",
        "yaml.unsafe",
        "joblib",
        "eval(",
        "exec(",
    )
    for floor in ("metarl", "envs", "agents"):
        for path in (root / floor).rglob("*.py"):
            text = path.read_text()
            assert not [w for w in words if w in text.replace(".eval(", "")], path


FAULTS = Path(__file__).parents[2] / "faults.py"


@pytest.mark.parametrize(("kind", "count"), [("kill", 24), ("disk", 16)])
def test_no_kill_and_no_disk_failure_loses_or_changes_a_training(kind: str, count: int) -> None:
    root = FAULTS.parents[1]
    command = [sys.executable, "-m", "tests.faults", kind, str(count)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{count} of kind {kind}: nothing lost, nothing changed" in done.stdout


def test_no_damaged_checkpoint_is_loaded() -> None:
    refused = damage.main(360)
    assert set(refused) == set(damage_kinds.DAMAGES)
    assert all(refused[name] == 20 for name in refused)
