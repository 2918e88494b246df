"""What the verbs share: the console, and checks of their arguments."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.status import Status
from rich.text import Text
from tyro.conf import Positional, arg

from envs.wording import alternatives
from metarl.config import plain_yaml
from metarl.distributed.launch import is_secondary_rank
from metarl.errors import UserError, printable


class PlainConsole(Console):
    """Prints text as it stands: brackets in a name or a path are not markup, and control characters, with which a name
    could command a terminal, are question marks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def status(self, status: Any, **options: Any) -> Status:
        return _PlainStatus(Text(str(status)), console=self, **options)


class _PlainStatus(Status):
    def update(self, status: Any = None, **options: Any) -> None:
        super().update(None if status is None else Text(str(status)), **options)


console = PlainConsole(width=None if sys.stdout.isatty() else 140, quiet=is_secondary_rank())
PICTURES = (".png", ".svg", ".pdf")  # formats of pictures, by suffix
INTERRUPTED = 4  # exit code of a run that was stopped and saved

RUN = "a run folder, a config's name for its newest run, or hf://user/name of the Hugging Face Hub"
RUN_OR_BEST = f"{RUN}; with @best after it, its best checkpoint in place of its newest"
RunArg = Annotated[Positional[str], arg(help=RUN_OR_BEST, metavar="RUN")]
Split = Literal["train", "validation", "test", "ood"]
ActingSplit = Literal["train", "test", "ood"]  # of learners that act


def as_options(overrides: dict[str, Any]) -> list[str]:
    return [f"--{key} {shlex.quote(_as_typed(value))}" for key, value in overrides.items()]


def _as_typed(value: Any) -> str:
    """A value as an option: text without quotation marks where it is read back as the same text."""
    if isinstance(value, str) and value and not value.startswith("-"):
        with suppress(ValueError):
            if plain_yaml.parse_text(value) == value:
                return value
    return json.dumps(value)


def no_overrides(overrides: dict[str, Any]) -> None:
    if overrides:
        raise UserError(f"--{next(iter(overrides))} is not an option of this command; see --help")


def task_parameters(overrides: dict[str, Any]) -> dict[str, float]:
    """The numbers of `--task.NAME VALUE`. Raises UserError for other overrides, and for what is no number."""
    given = {}
    for key, value in overrides.items():
        section, _, name = key.partition(".")
        if section != "task" or not name:
            no_overrides({key: value})
        try:
            given[name] = float(value)
        except (TypeError, ValueError):
            raise UserError(f"--{key} is {value!r}, expected a number") from None
    return given


def typed_numbers(words: tuple[str, ...]) -> dict[str, float]:
    """The numbers of `--task NAME=VALUE...`. Raises UserError for what is not understood."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UserError(f"--task got {word!r}, expected NAME=VALUE with a number, such as direction=1")
    return found


def positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise UserError(f"--{name} is {value}, expected at least 1")


def within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"--{name} is {value}, expected {low} to {high}")


def writable(path: Path, suffixes: tuple[str, ...], option: str = "--out") -> None:
    """Make sure that a command can write a file before it goes to work; UserError where it cannot."""
    if path.suffix not in suffixes:
        raise UserError(f"{option} is {str(path)!r}, expected a file name that ends in {alternatives(suffixes)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not os.path.lexists(path)  # a link to nothing is not: what it names is not made, nor is it removed
        if not is_new and not path.is_file():
            raise UserError(f"{path} is there and is not a file: give another name with {option}")
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({path.parent})") from None


def unused(path: Path) -> Path:
    """The path itself, or with a number behind it where a file is already there."""
    taken = (path.with_stem(f"{path.stem}-{i}") for i in range(2, 10_000))
    return next(p for p in (path, *taken) if not p.exists())
