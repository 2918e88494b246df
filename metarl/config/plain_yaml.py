"""YAML as far as settings need it: mappings, lists, text, numbers, true, false and null, read within limits.

Plain scalars are those of the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3): `017` is 17, `1:30`, `yes`
and `2001-01-01` are text, `1e-3` is a number. Keys are text. Tags, repeated keys and more than one document are
refused. Size, depth and aliases are bounded while libyaml reads event by event, so that nothing is built of a document
that is too large.
"""

from __future__ import annotations

import copy
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

MAX_BYTES, MAX_DEPTH, MAX_VALUES = 2**18, 20, 10_000  # of a document, the values of aliases included; chosen
MAX_NUMBER = 64  # characters; chosen
STANDARD = "tag:yaml.org,2002:"  # what !! stands for
FLAGS = ("O_NONBLOCK", "O_CLOEXEC")  # a pipe without a writer does not block

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_document(path: Path) -> Any:
    """What a file holds. Raises ValueError or OSError where it cannot be read or is too large."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is no plain file")
    handle = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in FLAGS))
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no plain file")
        content = file.read(MAX_BYTES + 1)
    if content is None:  # of a kernel's file, which would block
        raise ValueError("it is no plain file")
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 10} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8: save it as UTF-8 text") from None
    return parse_text(text)


def parse_text(text: str) -> Any:
    """What a text means. Raises ValueError, with the line, where it cannot be read or is too large."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES >> 10} KiB")
    try:
        return _Reader(yaml.parse(text, Loader=yaml.CSafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise ValueError(f"character {error.position + 1}: {error.reason}") from None
    except UnicodeEncodeError:
        raise ValueError("it is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None


class _Reader:
    """Builds the value of one document from its events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.count = 0  # values so far
        self.anchors: dict[str, tuple[Any, int, int]] = {}  # their values, how many each holds, levels below it

    def document(self) -> Any:
        value = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and self.count:
                _refuse(event, "a second document begins: expected one")
            if isinstance(event, yaml.NodeEvent):
                value = self.value(event, 0)
        return value

    def value(self, event: Any, depth: int) -> Any:
        _check_depth(event, depth)
        before = self.count
        self.add(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, depth)
        if event.tag is not None:
            _refuse(event, f"the tag {event.tag[:80].replace(STANDARD, '!!')} is not allowed: leave it out")
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self.mapping(depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(depth)
        else:
            value = _scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = value, self.count - before, _levels(value)
        return value

    def add(self, event: Any, values: int) -> None:
        self.count += values
        if self.count > MAX_VALUES:
            _refuse(event, f"it holds more than {MAX_VALUES:,} values, those of aliases included")

    def alias(self, event: Any, depth: int) -> Any:
        """A copy, so that a change of one place is not a change of both."""
        if event.anchor not in self.anchors:
            _refuse(event, f"the alias *{event.anchor[:80]} has no anchor before it")
        value, size, levels = self.anchors[event.anchor]
        self.add(event, size - 1)
        _check_depth(event, depth + levels)
        return copy.deepcopy(value)

    def sequence(self, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self.value(event, depth + 1))
        return values

    def mapping(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor:
                _refuse(event, "a key is not plain text")
            if event.value in values:
                _refuse(event, f"the key {event.value[:80]!r} is there twice")
            self.add(event, 1)
            values[event.value] = self.value(next(self.events), depth + 1)
        return values


def _refuse(event: Any, what: str) -> NoReturn:
    raise ValueError(f"line {event.start_mark.line + 1}: {what}")


def _check_depth(event: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        _refuse(event, f"it is nested more than {MAX_DEPTH} levels deep")


def _levels(value: Any) -> int:
    """Levels of mappings and lists below a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((1 + _levels(part) for part in inner), default=0)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Text in quotes or blocks is text; a plain scalar is what the core schema says."""
    text = event.value
    if not event.implicit[0]:
        return text
    for pattern, meaning in _MEANINGS:
        if pattern.fullmatch(text):
            if len(text) > MAX_NUMBER:
                _refuse(event, f"the number {text[:20]}... has more than {MAX_NUMBER} characters")
            return meaning(text)
    return text


def _int(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan") if text[-1].isalpha() else text)


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (_NULL, lambda text: None),
    (_BOOL, lambda text: text.lower() == "true"),
    (_INT, _int),
    (_FLOAT, lambda text: _float(text.lower())),
)


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as something else."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"(?:{_INT.pattern})$"), list("-+0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"(?:{_FLOAT.pattern})$"), list("-+.0123456789"))


def dump(value: Any) -> str:
    """YAML that `parse_text` reads back to an equal value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False)
