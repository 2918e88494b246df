"""metrics.jsonl: one record for each iteration of a training."""

from __future__ import annotations

import io
import math

from metarl.system.strict_json import parse_json

Record = dict[str, float]
"""The metrics of an iteration by name: always `iteration` and `env_steps`, which are counts."""

MAX_BYTES = 2**28  # of metrics.jsonl; chosen: half a million iterations
MAX_LINE = 2**14  # bytes of a record; chosen
MAX_COUNT = 2**62


def parse_record(line: bytes) -> Record | None:
    """A record; None for what is none, such as the half of one that a killed process or a full disk may leave."""
    if len(line) > MAX_LINE:
        return None
    try:
        found = parse_json(line, allow_nan=True)  # a return is NaN where every simulation diverged
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(type(v) in (int, float) for v in found.values()):
        return None
    return found if all(_is_count(found.get(key)) for key in ("iteration", "env_steps")) else None


def _is_count(value: float | None) -> bool:
    return value is not None and 0 <= value < MAX_COUNT and value == math.floor(value)


def parse_records(content: bytes) -> list[Record]:
    """All records of a file, without what is none."""
    return [record for line in io.BytesIO(content) if (record := parse_record(line)) is not None]
