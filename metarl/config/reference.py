"""Every setting of a config: its type, its default, and what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel

from metarl.config.experiment import SECTIONS, Config

_PACKAGE = Path(__file__).resolve().parent.parent
NAME = "NAME"  # in a path: a name of the user's own
Schema = dict[str, Any]


class Setting(NamedTuple):
    """One key of a section.

    path: the key, and where it lies within another one that one and its own name, such as ("vary", "NAME", "train").
    default: as JSON; None where it has to be given. text: what its class says of it.
    """

    section: str
    kind: str
    path: tuple[str, ...]
    type: str
    default: str | None
    text: str = ""

    @property
    def key(self) -> str:
        """As on the command line."""
        return ".".join(filter(None, (self.section, *self.path)))

    @property
    def explained_as(self) -> list[str]:
        """The keys under which `settings.yaml` may explain it, the more special one first."""
        own = [part for part in self.path if part != NAME]
        return [".".join(filter(None, (self.section, kind, *own))) for kind in dict.fromkeys((self.kind, ""))]

    @property
    def meaning(self) -> str:
        """In words; those of its class where it is a plugin's, empty where there are none."""
        words = meanings()
        return next((words[key] for key in self.explained_as if key in words), self.text)


@cache
def meanings() -> dict[str, str]:
    """What keys mean: docs/settings.yaml, which lies within an installed package."""
    path = _PACKAGE / "settings.yaml"
    path = path if path.is_file() else _PACKAGE.parent / "docs" / "settings.yaml"
    found: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: " ".join(text.split()) for key, text in found.items()}


def section_classes() -> dict[str, dict[str, type[BaseModel]]]:
    """Section -> kind (empty where there are no kinds) -> class."""
    plain = {
        name: {"": field.annotation}
        for name, field in Config.model_fields.items()
        if name not in SECTIONS and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    found: dict[str, Any] = {name: registry.items() for name, registry in SECTIONS.items()} | plain
    return {name: found[name] for name in Config.model_fields if name in found}


def every_setting() -> list[Setting]:
    """Those of every class of every section, and the seed."""
    classes = section_classes()
    own = [
        s
        for section, kinds in classes.items()
        for kind, model in kinds.items()
        for s in settings_of(section, model, kind)
    ]
    return [*(s for s in settings_of("", Config) if s.path == ("seed",)), *own]


def settings_of_config(config: Config) -> list[Setting]:
    """Those that a config with such kinds has, section by section."""
    sections = {name: getattr(config, name) for name in section_classes()}
    return [s for name, own in sections.items() for s in settings_of(name, type(own), getattr(own, "kind", ""))]


def settings_of(section: str, model: type[BaseModel], kind: str = "") -> list[Setting]:
    """Those of one class, except its kind; a mapping is followed by its keys."""
    schema = model.model_json_schema()
    found: list[Setting] = []
    for key, value in schema.get("properties", {}).items():
        if key != "kind":
            required = key in schema.get("required", ())
            found.append(_setting(section, kind, (key,), value, required))
            found += [_setting(section, kind, (key, *path), inner) for path, inner in _nested(schema, value)]
    return found


def _setting(section: str, kind: str, path: tuple[str, ...], value: Schema, required: bool = False) -> Setting:
    default = None if required else json.dumps(value.get("default"))
    return Setting(section, kind, path, _type(value), default, value.get("description", ""))


def _nested(schema: Schema, value: Schema) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """The keys of a mapping that is the value of a key, or of each name in it; none for other values."""
    names = value.get("additionalProperties")
    prefix = (NAME,) if names else ()
    for part in (
        value,
        *value.get("anyOf", ()),
        *((names, *names.get("anyOf", ())) if isinstance(names, dict) else ()),
    ):
        if "$ref" in part:
            inner = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]["properties"]
            yield from (((*prefix, key), found) for key, found in inner.items())
            return


# --- types ------------------------------------------------------------------------------------------------------------


def _type(schema: Schema) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return "mapping"
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        items: Schema = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        flat = "type" in items and items["type"] != "array"
        return f"list of {items['type']}s{_limits(items)}" if flat else "list of ranges"
    if kind == "object":
        return f"mapping of names to {_type(schema.get('additionalProperties') or {})}s"
    return f"{kind}{_limits(schema)}"


def _limits(schema: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {_number(schema[name])}" for name, sign in signs.items() if name in schema]
    return f" {', '.join(found)}" if found else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
