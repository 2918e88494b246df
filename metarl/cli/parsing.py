"""Options become a command; what does not fit is one sentence, as other mistakes are, in place of tyro's boxes."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from inspect import cleandoc
from typing import Annotated, Any, get_type_hints

import tyro
from tyro.conf import DisallowNone, arg

from metarl.errors import UserError, nearest

HELP = {"-h", "--help"}
_UNSAID = (MISSING, None, (), "", False)  # defaults that say nothing, or that the help says in words
_LISTS = {"tuple[int, ...]": "INT...", "tuple[float, ...]": "FLOAT...", "tuple[str, ...]": "NAME..."}
_RULE = re.compile("─{5,}|-{5,}")  # between the parts of a box, which has no frame where letters are few
_MEANINGS = {
    "FLOAT...": "numbers with blanks between them",
    "INT": "a whole number",
    "FLOAT": "a number",
    "INT...": "whole numbers with blanks between them",
}


def parse(name: str, command: type, words: Sequence[str], settings: Callable[[], Sequence[str]] = lambda: ()) -> Any:
    """The command with its options; `--help` prints and ends.

    settings: gives what can be an option besides, such as the keys of a config. Raises UserError for what does not fit.
    """
    said = io.StringIO()
    prog = f"metarl {name}"
    if unknown := [w for w in words if w.startswith("--") and not _is_option(w, command)]:
        raise UserError(unknown_option(unknown[0], prog, [*options_of(command), *settings()]))
    try:
        with nullcontext() if HELP & {*words} else _unwrapped(said):
            chosen: Any = tyro.cli(
                _as_shown(command),
                prog=prog,
                description=cleandoc(command.__doc__ or ""),
                args=list(words),
                config=(DisallowNone,),
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise UserError(_sentence(said.getvalue(), prog, words, getattr(command, "advice", lambda word: ""))) from None
    if hasattr(command, "given"):
        chosen.given = frozenset(name.removeprefix("no-") for name in map(_name_of, words) if name)
    return chosen


def options_of(command: type) -> list[str]:
    """What a command can be given, as `--name`; switches also as `--no-name`."""
    hints = get_type_hints(command, include_extras=True)
    names = [(_renamed(hints[field.name]) or field.name).replace("_", "-") for field in fields(command)]
    switches = [field.name.replace("_", "-") for field in fields(command) if field.type == "bool"]
    return [f"--{name}" for name in names] + [f"--no-{name}" for name in switches]


def _name_of(word: str) -> str:
    """Of an option, without its value; empty for another word."""
    return word[2:].partition("=")[0].replace("_", "-") if word.startswith("--") else ""


def _is_option(word: str, command: type) -> bool:
    return word in (*HELP, "--") or f"--{_name_of(word)}" in options_of(command)


def _renamed(hint: Any) -> str | None:
    return next((name for part in getattr(hint, "__metadata__", ()) if (name := getattr(part, "name", None))), None)


def _as_shown(command: type) -> type:
    """The same class, whose options are shown without defaults that say nothing, and lists in one word."""
    hints = get_type_hints(command, include_extras=True)
    for field in fields(command):
        if not hasattr(hints[field.name], "__metadata__"):
            hints[field.name] = Annotated[hints[field.name], _shown(field)]
    command.__annotations__ = hints
    return command


def _shown(field: Field[Any]) -> Any:
    unsaid = any(field.default is value for value in _UNSAID)  # 0 is told, and equals False
    return arg(metavar=_LISTS.get(str(field.type).removesuffix(" | None")), help_behavior_hint="" if unsaid else None)


# --- mistakes ---------------------------------------------------------------------------------------------------------


@contextmanager
def _unwrapped(said: io.StringIO) -> Iterator[None]:
    """Collect what is said on stderr, each line of it whole."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "10000"
    try:
        with redirect_stderr(said):
            yield
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


def _sentence(box: str, prog: str, words: Sequence[str], advice: Callable[[str], str] = lambda word: "") -> str:
    """What tyro says in a box, in one sentence that says what is right; advice: on a word that is too many."""
    lines = [line.strip("│| ") for line in box.splitlines()[1:]]  # without its title
    text = _RULE.split(" ".join(lines).strip("─- "))[0].strip()
    if found := re.match(r"Unrecognized options: (\S+?),?(?: |$)", text):
        return f"{prog} does not know what to do with {found[1]!r}: {advice(found[1]) or f'see {prog} --help'}"
    if found := re.match(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*?),?\)\.", text):
        value, name, choices = found.groups()
        known = [choice for choice in choices.replace("'", "").split(", ") if choice != "None"]
        return f"{name if name.startswith('-') else prog} got {value!r}; {nearest(value, known)}"
    if found := re.match(r"Error parsing (\S+): ", text):
        (shown,) = [line for line in lines if line.startswith(f"{found[1]} ")][:1] or [found[1]]
        expected = shown.split(" ")[-1]
        return f"{found[1]} is {_value_of(found[1], words)}, expected {_MEANINGS.get(expected, expected)}"
    if found := re.match(r"Missing value for argument '(.*?)'", text):
        return f"{found[1]} needs a value: see {prog} --help"
    if found := re.match(r"Missing from .*?: +(\S+) +(.*) \(required\)", text):
        choices = found[1].strip("{}").replace(",", ", ")
        return f"{prog} needs " + (f"one of {choices}" if found[1] != choices else f"{found[1]}: {found[2].strip()}")
    return f"{text or 'this cannot be understood'}; see {prog} --help"


def unknown_option(word: str, prog: str, options: Sequence[str]) -> str:
    """That an option does not exist, and which one may be meant."""
    meant = _meant(word.lstrip("-").replace("_", "-"), options)
    advice = f"did you mean {' or '.join(meant)}?" if meant else f"see {prog} --help"
    return f"{word} is not an option of {prog}; {advice}"


def _meant(word: str, options: Sequence[str]) -> list[str]:
    """Options of that name, whatever their section; else those that end in it, or those like it."""
    last = {option: option.lstrip("-").rpartition(".")[2].replace("_", "-") for option in options}
    close = get_close_matches(word, last.values(), n=1, cutoff=0.7)
    same = [option for option in options if last[option] == word]
    ending = [option for option in options if last[option].endswith(f"-{word}")]
    meant = same or sorted(ending, key=lambda o: len(last[o])) or [o for o in options if last[o] in close]
    return meant[:2]


def _value_of(option: str, words: Sequence[str]) -> str:
    """What was given for an option, as it was written."""
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            given = [value] if equals else []
            for later in words[i + 1 :]:
                if later.startswith("--"):
                    break
                given.append(later)
            return repr(" ".join(given))
    return "not understood"
