"""Numbers of tasks as labels of axes, with their units."""

from __future__ import annotations

from envs.variations.registry import VARIATIONS, base_name


def axis_label(name: str) -> str:
    """`slope (deg)` of `slope_deg`, `mass, torso (x stock)` of `mass:torso`; the words alone where no unit is known."""
    words, unit = _words_and_unit(name)
    return f"{words} ({unit})" if unit else words


def group_label(label: str) -> str:
    """`slope 8 to 14 deg` of `slope_deg 8..14`, which is how tables call a group of tasks."""
    name, _, values = label.partition(" ")
    words, unit = _words_and_unit(name)
    return f"{words} {values.replace('..', ' to ')} {unit}".strip()


def _words_and_unit(name: str) -> tuple[str, str]:
    variation = VARIATIONS.items().get(base_name(name))
    unit = "" if variation is None else variation.unit or ("x stock" if variation.fields else "")
    return name.removesuffix(f"_{unit}").replace(":", ", ").replace("_", " "), unit
