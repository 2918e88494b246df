"""Results that were stored in a run folder: JSON of unknown origin, believed only where it has the type of a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from metarl.runs import stored
from metarl.runs.run import Run
from metarl.system.folders import Folder
from metarl.system.strict_json import parse_json

MAX_BYTES = 2**26  # of a result; chosen: some hundred thousand tasks
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What making a result out of such a file raises where another version wrote it, or somebody else."""
T = TypeVar("T")


def conform(kind: type[T], found: Any) -> T:
    """JSON as a record of this type. Raises ValueError, in one line, where it does not fit."""
    try:
        return TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(found)
    except ValidationError as error:
        raise ValueError(stored.first_problem(error)) from None


def read_result(run: Run, name: str, make: Callable[[Any], T]) -> T | None:
    """The result in a file of a run, made by `make` of its JSON; None where there is none, or, with a warning, where it
    cannot be believed. `make` raises one of UNREADABLE for what does not fit."""
    try:
        return make(parse_json(run.read(name, MAX_BYTES)))
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        stored.ignored(run.path / name, error)
        return None


def read_results(run: Run, pattern: str, make: Callable[[Any], T]) -> Iterator[T]:
    """The same of all files whose names match, in order."""
    try:
        with Folder.opened(run.path) as folder:
            names = [name for name in folder.names() if re.fullmatch(pattern, name)]
    except OSError:
        return
    for name in names:
        if (result := read_result(run, name, make)) is not None:
            yield result
