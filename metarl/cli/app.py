"""The command line: the choice of a verb, and how mistakes are reported."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from envs.registry import PluginError
from metarl.cli import overview, parsing
from metarl.cli.analyse import Analyse
from metarl.cli.bench import Bench
from metarl.cli.compare import Compare
from metarl.cli.data import Data
from metarl.cli.demo import Demo
from metarl.cli.doctor import Doctor
from metarl.cli.evaluate import Evaluate
from metarl.cli.export import Export
from metarl.cli.list import List
from metarl.cli.play import Play
from metarl.cli.plot import Plot
from metarl.cli.predict import Predict
from metarl.cli.push import Push
from metarl.cli.quickstart import Quickstart
from metarl.cli.record import Record
from metarl.cli.resume import Resume
from metarl.cli.study import Study
from metarl.cli.submit import Submit
from metarl.cli.train import Train
from metarl.cli.tune import Tune
from metarl.config import files as settings
from metarl.config import plugins
from metarl.config.lists import joined_lists
from metarl.distributed.launch import check_environment, is_secondary_rank, rank_and_size
from metarl.errors import DivergedError, UserError, is_text, nearest, printable, refused_by_system
from metarl.system import rendering
from metarl.system.allocator import keep_freed_memory

COMMANDS: dict[str, type] = {
    "train": Train,
    "resume": Resume,
    "evaluate": Evaluate,
    "compare": Compare,
    "study": Study,
    "tune": Tune,
    "submit": Submit,
    "record": Record,
    "play": Play,
    "export": Export,
    "predict": Predict,
    "push": Push,
    "plot": Plot,
    "list": List,
    "bench": Bench,
    "analyse": Analyse,
    "data": Data,
    "doctor": Doctor,
    "quickstart": Quickstart,
    "demo": Demo,
}


class PlainFormatter(logging.Formatter):
    """Warnings as other text: with nothing in them that commands a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


_NO_MEMORY = re.compile("can't allocate memory|not enough memory|out of memory")  # as torch says it
TOO_LARGE = (
    "the memory of this machine does not suffice: lower train.num_tasks, train.episodes, or widths of the networks"
)
FILMING = ("train", "resume", "record", "compare", "quickstart", "demo")  # what may render
CONFIGURED = (
    "train",
    "submit",
    "study",
    "tune",
    "quickstart",
)  # what takes settings of a config; train and submit take one


def main(words: list[str] | None = None) -> None:
    """Run one command; exit codes: 0 done, 2 a mistake of the user, 3 training diverged, 4 stopped and saved."""
    if logging.lastResort:  # what prints warnings where nothing else does
        logging.lastResort.setFormatter(PlainFormatter())
    try:
        code = _run(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
        sys.exit(code)
    except (UserError, PluginError) as error:
        if not (
            is_secondary_rank() and isinstance(error, DivergedError)
        ):  # all raise it, and the first process reports it
            print(f"error: {_who()}{error}", file=sys.stderr)
        _leave(getattr(error, "exit_code", UserError.exit_code))
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        _leave(130)
    except BrokenPipeError:
        _say_no_more()
        _leave(1)
    except OSError as error:
        print(f"error: {_who()}{UserError(refused_by_system(error))}", file=sys.stderr)
        _say_no_more()
        _leave(UserError.exit_code)
    except Exception as error:
        if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
            print(f"error: {_who()}{TOO_LARGE}", file=sys.stderr)
            _leave(UserError.exit_code)
        if rank_and_size() is None:
            raise
        traceback.print_exc()
        _leave(1)


def _say_no_more() -> None:
    """What could not be printed is not tried again when Python ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _who() -> str:
    among = rank_and_size()
    return f"process {among[0]} of {among[1]}: " if among and among[0] else ""


def _leave(code: int) -> NoReturn:
    """End with an exit code; one of several processes without clean-up, which would wait for the others."""
    if rank_and_size() is None:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(words: list[str]) -> int:
    check_environment()
    if strange := [word for word in words if not is_text(word)]:
        raise UserError(
            f"{os.fsencode(strange[0])!r} is not UTF-8 text: give the file another name, or move what is in it"
        )
    keep_freed_memory()
    words, modules = plugins.split_plugins(plugins.trust_models(words))
    if modules and words[:1] and words[0] in FILMING and (backend := rendering.working()):
        os.environ["MUJOCO_GL"] = backend  # before a plugin imports mujoco
    plugins.load_plugins(modules)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words or words[0].startswith("-"):
        return overview.answer(words, COMMANDS)
    chosen, overrides = parse(words)
    among = rank_and_size()
    if among and among[1] > 1 and not isinstance(chosen, Train | Resume):
        raise UserError("several processes train together: torchrun is for metarl train and metarl resume alone")
    return int(chosen(overrides))


def parse(words: list[str]) -> tuple[Any, dict[str, Any]]:
    """The command that a command line asks for, and the settings that it changes; `--help` prints and ends."""
    verb, *rest = words
    if verb not in COMMANDS:
        raise UserError(f"metarl has no command {verb!r}; {nearest(verb, COMMANDS)}")
    own, overrides = settings.split_overrides(joined_lists(rest))
    if verb not in CONFIGURED:
        return parsing.parse(verb, COMMANDS[verb], own), overrides
    from metarl.cli import settings_help

    path = settings_help.config_among(own) if parsing.HELP & {*own} else None
    if path is not None:
        with suppress(SystemExit):
            parsing.parse(verb, COMMANDS[verb], ["--help"])
        print(f"\n{settings_help.settings_text(path)}")
        sys.exit(0)
    return parsing.parse(verb, COMMANDS[verb], own, lambda: settings_help.keys_for(own)), overrides
