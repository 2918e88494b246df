"""Check every `metarl` command that README and the documentation show.

    python docs/check_commands.py                 # run what is short on small settings, parse the rest
    python docs/check_commands.py --parse-only    # parse all of them, and check the configs and settings they name

Commands are taken from fenced and indented blocks, and from `metarl ...` in running text where nothing is left out.
They are run in an empty folder, in one process. Long ones (`study`, `bench`, `submit`, `data`, `quickstart`, torchrun),
and `predict`, which needs pictures, are parsed only.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shown_commands import Command, commands

DOCS = Path(__file__).resolve().parent
HOME = DOCS.parent
LONG = ("study", "bench", "submit", "data", "quickstart", "play", "push", "demo", "predict")
SMALL = {
    "train.iterations": 2,
    "train.num_tasks": 2,
    "train.episodes": 2,
    "train.num_threads": 1,
    "train.checkpoint_every": 1,
}
OWN: dict[str, dict[str, Any]] = {  # by the kind of tasks
    "bandit": {"tasks.pulls": 3},
    "fewshot": {"tasks.data": "glyphs", "tasks.way": 3, "tasks.shot": 1, "tasks.query": 2},
    "copy": {"tasks.length": 3},
    "sinusoid": {},
    "lines": {},
}
EVALUATE = {
    "adaptation": "--tasks 2 --after 0 2 --repeats 1",
    "accuracy": "--tasks 2 --ways 3 --shots 1",
    "regression": "--tasks 2",
    "sequences": "--tasks 2",
}


def parse(command: Command) -> None:
    """Parse a command as the command line does, and load the config that it names. Raises UserError or SystemExit."""
    from metarl.cli import app, overview
    from metarl.config import files, plugins

    words, modules = plugins.split_plugins(plugins.split_trusted(command.metarl)[0])
    if modules and not set(modules) <= set(plugins.loaded()):
        plugins.load_plugins(modules)
    if words[0].startswith("-"):
        overview.answer(words, app.COMMANDS)
        return
    chosen, overrides = app.parse(words)
    name = getattr(chosen, "config", None)
    if command.verb in ("train", "submit") and name not in ("CONFIG", "my_learner_point"):
        files.load(files.find(name), overrides)
    for config in getattr(chosen, "configs", ()):
        files.load(files.find(config), overrides)


def _parse_quietly(command: Command) -> None:
    """The same without what `--help` and `--version` print before they end."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            parse(command)
        except SystemExit as end:
            if end.code:
                raise


def is_run(command: Command) -> bool:
    """Whether a command is short, and needs nothing that only the reader has: a run, Omniglot, a learner, pictures."""
    fixed = not re.search(r"[<*]|\bruns/|my_learner|--lake|\bDIR\b", command.text)
    return fixed and not (command.is_inline or command.is_launched or command.verb in LONG)


def run(command: Command) -> None:
    """Run a command on small settings, in the working folder. Raises RuntimeError if it fails."""
    from metarl.cli import app

    words = _made_small(command)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            app.main(words)
    except SystemExit as end:
        if end.code not in (0, None) and command.verb != "doctor":  # which tells what is missing by its exit code
            raise RuntimeError(f"exit code {end.code}: {' '.join(out.getvalue().split())[-300:]}") from None


def _made_small(command: Command) -> list[str]:
    """The words of a command, with what makes it short; runs that it is about are trained first."""
    words = command.metarl
    subject = next((w for w in words[1:] if not w.startswith("-")), "")
    match command.verb:
        case "train":
            return [*words, *_overrides(subject)]
        case "resume" | "record" if "--tasks" not in words:
            _train_if_missing(subject)
            return [*words, *(["--steps", "3"] if command.verb == "record" and _acts(subject) else [])]
        case "record":
            return [*words, "--steps", "3"]
        case "export":
            _train_if_missing(subject)
        case "plot" | "compare":
            for name in _names(words):
                _train_if_missing(name)
            small = "--tasks 2 --after 0 2 --repeats 1 --report-at 2 --no-videos"
            small = small if _acts(subject) else "--tasks 2 --ways 3 --shots 1"
            return words if command.verb == "plot" else [*_without(words, "--videos"), *small.split()]
        case "evaluate":
            for name in (subject, *_after(words, "--against")):
                _train_if_missing(name)
            return [*words, *EVALUATE[_config(subject).tasks.evaluator].split()]
        case "analyse":
            return [*words, "--tasks", "2"]
    return words


def _config(name: str) -> Any:
    from metarl.config import files

    return files.load(files.find(name))


def _acts(name: str) -> bool:
    return not _config(name).tasks.is_supervised


def _overrides(name: str) -> list[str]:
    """Options that make a training small."""
    from metarl.config import files

    raw = files.read_yaml(files.find(name))
    small: dict[str, Any] = SMALL | OWN.get(raw["tasks"]["kind"], {"tasks.horizon": 5})
    if raw["tasks"].get("data") == "folder":
        small |= {"tasks.size": 28, "tasks.channels": 1}
    if raw["outer"].get("minibatches"):
        small["outer.minibatches"] = 1
    if raw["learner"].get("minibatch"):
        small["learner.minibatch"] = 3
    return [word for key, value in small.items() for word in (f"--{key}", str(value))]


def _train_if_missing(name: str) -> None:
    from metarl.cli import app

    if Path("runs", name).is_dir():
        return
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        app.main(["train", name, *_overrides(name)])


def _names(words: list[str]) -> list[str]:
    """The positional words after the verb."""
    rest = words[1:]
    until = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    return rest[:until]


def _after(words: list[str], option: str) -> list[str]:
    return _names(words[words.index(option) :]) if option in words else []


def _without(words: list[str], option: str) -> list[str]:
    return [word for word in words if word != option]


# --- the script -------------------------------------------------------------------------------------------------------


def main(parse_only: bool) -> int:
    """Check all; returns how many failed."""
    from metarl.system import rendering

    os.environ.setdefault("MUJOCO_GL", rendering.working() or "disabled")  # before anything imports mujoco
    failed = 0
    counts = {"run": 0, "parsed": 0}
    with tempfile.TemporaryDirectory() as folder:
        for path in (DOCS / "examples").glob("*"):
            if path.is_file():
                shutil.copy(path, folder)
        os.chdir(folder)
        for command in commands():
            how = "run" if not parse_only and is_run(command) else "parsed"
            start = time.perf_counter()
            try:
                _parse_quietly(command)
                if how == "run":
                    run(command)
            except (Exception, SystemExit) as error:
                failed += 1
                print(f"FAILED  {command.place}: {command.text}\n        {error}", file=sys.stderr)
                continue
            counts[how] += 1
            print(f"{how:7} {time.perf_counter() - start:5.1f} s  {command.place}: {command.text}", flush=True)
        os.chdir(HOME)
    print(f"{counts['run']} run, {counts['parsed']} parsed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(min(main("--parse-only" in sys.argv[1:]), 1))
