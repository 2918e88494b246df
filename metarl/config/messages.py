"""What is wrong with a config, in one sentence that names the file or the option, the key, and what would be right."""

from __future__ import annotations

import re
import reprlib
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from metarl.errors import nearest

MAX_QUOTED, MAX_SENTENCE = 200, 700  # characters; chosen
_LONG_WORD = re.compile(r"\S{100,}")


def sentence(error: ValidationError, model: type[BaseModel], origin: str, overrides: dict[str, Any]) -> str:
    """The first problem of a config that was read from `origin`, then changed by `overrides`."""
    first = error.errors()[0]
    location = [part for part in first["loc"] if part != "[key]"]  # pydantic's own mark of a dictionary's key
    key = shortened(".".join(map(str, location)))
    given = next((name for name in overrides if f"{key}.".startswith(f"{name}.")), None)  # as an option, or within one
    source = f"--{key}" if given else f"{origin}: {key}" if key else origin
    match first["type"]:
        case "extra_forbidden":
            option = next((f"--{name}" for name in overrides if name.startswith(f"{key}.")), source)  # of a section
            return f"{option} is not a setting; {_nearest_key(model, location, option)}"
        case "missing":
            return f"{source} is missing"
        case "unknown_name":
            return f"{source} is {_in_brief(first['msg'])}"
        case "literal_error":
            got = first["input"] if isinstance(first["input"], str) else quoted(first["input"])
            known = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return f"{source} is {quoted(got)}; {nearest(got, known)}"
        case "value_error":
            return f"{source}: {_in_brief(str(first['ctx']['error']))}"
        case _:
            return f"{source} is {quoted(first['input'])}; {first['msg'][0].lower()}{first['msg'][1:]}"


_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother, _REPR.maxlong = 3, 100, 100, 100


def quoted(value: Any) -> str:
    """A value as it may stand in a sentence: a line at most."""
    try:
        return shortened(_REPR.repr(value))
    except ValueError:  # of a number with more digits than Python turns into text
        return "a number of thousands of digits"


def _in_brief(text: str) -> str:
    """A sentence of another module, which may quote what it was given."""
    text = _LONG_WORD.sub(lambda word: f"{word[0][:80]}...", text)
    return text if len(text) <= MAX_SENTENCE else f"{text[:MAX_SENTENCE]}..."


def shortened(text: str) -> str:
    """A line at most."""
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 3]}..."


def _nearest_key(model: type[BaseModel], location: list[int | str], option: str) -> str:
    """Which key may be meant by an unknown one: of its own section, or of another; whole, as it has to be written."""
    *section, last = map(str, location)
    own = _known_keys(model, location[:-1])
    dashes, prefix = ("--" if option.startswith("--") else ""), ".".join([*section, ""])
    inner = option.removeprefix("--").removeprefix(prefix + last) if dashes else ""  # within a misspelt section
    elsewhere = {f"{name}.{key}": key for name in _sections(model) for key in _known_keys(model, [name])}
    for names in ([key for key in elsewhere if elsewhere[key] == last], get_close_matches(last, own, n=1)):
        if names:
            whole = names[0] if names[0] in elsewhere else f"{prefix}{names[0]}{inner}"
            return f"did you mean {dashes}{whole}?"
    return nearest(last, own)


def _sections(model: type[BaseModel]) -> list[str]:
    """The keys that hold settings of their own, which the seed does not."""
    fields = model.model_fields.items()
    return [name for name, field in fields if any(issubclass(c, BaseModel) for c in _classes(field.annotation))]


def _known_keys(model: type[BaseModel], section: list[int | str]) -> list[str]:
    """The settings of the section in which an unknown one was met."""
    for part in section:
        field = model.model_fields.get(str(part))
        if field is None:  # a key of the user's own, in a dictionary
            continue
        members = [m for m in _classes(field.annotation) if issubclass(m, BaseModel)]
        if members:
            model = members[0]
    return list(model.model_fields)


def _classes(annotation: Any) -> list[type]:
    """Every class that an annotation mentions."""
    inner = get_args(annotation)
    found = [annotation] if isinstance(annotation, type) and not inner else []
    return found + [c for part in inner for c in _classes(part)]
