"""JSON of unknown origin: no key twice, numbers of a length that they can have, and no more levels than are read."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

MAX_DIGITS = 19  # of a whole number: those of 64 bits
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
MAX_QUOTED = 40  # characters of what is quoted


def parse_json(content: bytes | str, allow_nan: bool = False) -> Any:
    """What a text says. Raises ValueError, in one line, for what is no JSON, or has a key twice or a number that does
    not fit into 64 bits; allow_nan: NaN and infinity are numbers."""
    text = content.decode() if isinstance(content, bytes) else content
    constant = float if allow_nan else _refuse_constant
    try:
        found = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=constant
        )
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()  # ValueError where it is no pair
        return found
    except RecursionError:
        raise ValueError("it has too many levels") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:MAX_QUOTED]!r} stands in it twice")
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS + 1 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"{text[:MAX_QUOTED]} is larger than any number of 64 bits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:MAX_QUOTED]} is larger than any number of 64 bits")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
