"""Events of a film, as they are typed: `motor_failure@3s`, `payload:0.3@3s`, `friction:0.4@2.5s`."""

from __future__ import annotations

import re
from typing import NamedTuple

from metarl.errors import UserError, nearest


class Kind(NamedTuple):
    """The variable that an event sets, and its value where none is typed."""

    variable: str
    usual: float


KINDS = {
    "motor_failure": Kind("event_motor", 4.0),
    "payload": Kind("event_payload", 0.3),
    "friction": Kind("event_friction", 0.4),
}
PATTERN = re.compile(r"(?P<kind>[a-z_]+)(:(?P<value>-?\d+(\.\d+)?))?@(?P<seconds>\d+(\.\d+)?)s")
EXPECTED = "expected KIND@SECONDSs or KIND:VALUE@SECONDSs, such as motor_failure@3s or payload:0.3@3s"


def task_of_event(text: str) -> dict[str, float]:
    """The numbers of a task with an event. Raises UserError for what is not understood."""
    found = PATTERN.fullmatch(text)
    if not found:
        raise UserError(f"--event is {text!r}, {EXPECTED}")
    if found["kind"] not in KINDS:
        raise UserError(f"--event {found['kind']!r} is unknown: {nearest(found['kind'], KINDS)}")
    kind = KINDS[found["kind"]]
    value = kind.usual if found["value"] is None else float(found["value"])
    return {kind.variable: value, "event_s": float(found["seconds"])}
