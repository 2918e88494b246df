"""The numbers of a task in words, with units: `slope 12 degrees`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from envs.variations.ground import KINDS
from envs.variations.registry import VARIATIONS, base_name

MAX_PARAMETERS = 4  # of a task, in a caption
UNITS = {"deg": "degrees", "rad": "radians"}


def number(value: float) -> str:
    """Three digits, without the sign of a zero."""
    return f"{value:z.3g}"


def _on_side(front: str, back: str) -> Callable[[float], str]:
    return lambda v: f"load {number(abs(v))} m {front if v >= 0 else back}"


PHRASES: dict[str, Callable[[float], str]] = {
    "direction": lambda v: "forwards" if v > 0 else "backwards",
    "velocity": lambda v: f"target {number(v)} m/s",
    "goal_x": lambda v: f"goal at x {number(v)} m",
    "goal_y": lambda v: f"y {number(v)} m",
    "goal_distance": lambda v: f"goal {number(v)} m away",
    "goal_heading_deg": lambda v: f"at {number(v)} degrees",
    "slope_heading_deg": lambda v: f"rising towards {number(v)} degrees",
    "crippled_leg": lambda v: "no leg disabled" if v < 0 else f"leg {v:.0f} disabled",
    "crippled_joint": lambda v: "no motor disabled" if v < 0 else f"motor {v:.0f} disabled",
    "event_s": lambda v: f"at {number(v)} s",
    "event_motor": lambda v: "no motor fails" if v < 0 else f"motor {v:.0f} fails",
    "event_payload": lambda v: f"another load of {number(v)} times its mass",
    "event_friction": lambda v: f"friction times {number(v)}",
    "ground": lambda v: KINDS[int(v)],
    "difficulty": lambda v: f"difficulty {number(v)}",
    "payload": lambda v: f"load {number(v)} times its mass",
    "payload_x": _on_side("ahead", "behind"),
    "payload_y": _on_side("left", "right"),
}


def phrase(name: str, value: float) -> str:
    """One number of a task: what it is, the value, its unit."""
    base = base_name(name)
    if base in PHRASES:
        return PHRASES[base](value)
    variation = VARIATIONS.items().get(base)
    part = name.removeprefix(base).removeprefix(":")
    words = base.removesuffix("_deg").replace("_", " ") + (f" of {part}" if part else "")
    if variation is None:
        return f"{words} {number(value)}" + (" degrees" if base.endswith("_deg") else "")
    if variation.unit:
        return f"{words} {number(value)} {UNITS.get(variation.unit, variation.unit)}"
    if variation.kind == "terrain":
        return f"{words} of difficulty {number(value)}"
    return f"{words} times {number(value)}" if variation.kind == "dynamics" else f"{words} {number(value)}"


def describe(task: Mapping[str, float], names: tuple[str, ...]) -> str:
    """The first few numbers of a task, of those with the given names."""
    shown = ", ".join(phrase(name, task[name]) for name in names[:MAX_PARAMETERS])
    return shown + (f" and {len(names) - MAX_PARAMETERS} more" if len(names) > MAX_PARAMETERS else "")
