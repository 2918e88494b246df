"""The configuration reference, made from the classes of the settings and the meanings in `settings.yaml`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

MEANINGS = Path(__file__).resolve().parent / "settings.yaml"


def settings_reference() -> str:
    """Every key of a config: type, default, meaning."""
    parts = [
        "# Configuration reference",
        "This page is generated from the settings classes. A config is one YAML file with the sections below. "
        "Unknown keys are errors. On the command line, `--section.key VALUE` overrides a key, for example "
        "`--learner.inner_lr 0.2`. The sections `tasks`, `learner` and `outer` have a `kind`, which decides which "
        "other keys there are.",
        "## seed",
        _key_table("seed", {"seed": {"type": "integer", "default": 0, "minimum": 0}}, ()),
    ]
    for section, kinds in section_classes().items():
        parts.append(f"## {section}")
        for kind, model in kinds.items():
            if kind:
                parts.append(f"### {section}.kind: {kind}")
                parts.append(plain(_summary(model)))
            parts.append(_model_table(section, kind, model))
    return "\n\n".join(parts) + "\n"


def section_classes() -> dict[str, dict[str, type[BaseModel]]]:
    """Section -> kind (empty where there are no kinds) -> class."""
    from metarl.config.experiment import SECTIONS, Config

    plain = {
        name: {"": field.annotation}
        for name, field in Config.model_fields.items()
        if name not in SECTIONS and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    found: dict[str, Any] = {name: registry.items() for name, registry in SECTIONS.items()} | plain
    return {name: found[name] for name in Config.model_fields if name in found}


def keys() -> dict[str, list[str]]:
    """Every key, as `section.kind.key`, with the names under which `settings.yaml` may explain it."""
    out: dict[str, list[str]] = {"seed": ["seed"]}
    for section, kinds in section_classes().items():
        for kind, model in kinds.items():
            for key in _schema(model)["properties"]:
                if key != "kind":
                    path = ".".join(filter(None, (section, kind, key)))
                    out[path] = [path, f"{section}.{key}"]
                    nested = _nested(_schema(model), key)
                    out |= {f"{path}.{sub}": [f"{path}.{sub}", f"{section}.{key}.{sub}"] for sub in nested}
    return out


def meanings() -> dict[str, str]:
    """What keys mean, in words: docs/settings.yaml."""
    found: dict[str, str] = yaml.safe_load(MEANINGS.read_text())
    return found


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _model_table(section: str, kind: str, model: type[BaseModel]) -> str:
    schema = _schema(model)
    properties = {key: value for key, value in schema["properties"].items() if key != "kind"}
    if not properties:
        return "No settings of its own."
    prefix = f"{section}.{kind}" if kind else section
    parts = [_key_table(prefix, properties, schema.get("required", ()))]
    for key in properties:
        if nested := _nested(schema, key):
            parts += [f"Keys of `{key}`:", _key_table(f"{prefix}.{key}", nested, (), f"{section}.{key}")]
    return "\n\n".join(parts)


def _nested(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """The keys of a mapping that is the value of a key, or of each name in it; none for other values."""
    value = schema["properties"][key]
    for part in (value, value.get("additionalProperties") or {}, *value.get("anyOf", ())):
        if isinstance(part, dict) and "$ref" in part:
            found: dict[str, Any] = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]["properties"]
            return found
    return {}


def _key_table(prefix: str, properties: dict[str, Any], required: Any, general: str = "") -> str:
    """general: under which prefix `settings.yaml` may explain the keys too; by default the section's."""
    words = meanings()
    general = general or prefix.split(".")[0]
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, schema in properties.items():
        path = key if prefix == key else f"{prefix}.{key}"
        meaning = words.get(path) or words.get(f"{general}.{key}")
        if meaning is None:
            raise KeyError(f"docs/settings.yaml does not explain {path}")
        default = "required" if key in required else f"`{_default(schema.get('default'))}`"
        lines.append(f"| `{key}` | {_type(schema)} | {default} | {_cell(meaning)} |")
    return "\n".join(lines)


def _cell(meaning: str) -> str:
    return " ".join(meaning.split()).replace("|", r"\|")


def _default(value: Any) -> str:
    return "null" if value is None else json.dumps(value)


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return "mapping"
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"list of {_type(items)}s" if "type" in items and items["type"] != "array" else "list of ranges"
    if kind == "object":
        return f"mapping of names to {_type(schema.get('additionalProperties') or {})}s"
    return f"{kind}{_limits(schema)}"


def _limits(schema: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {_number(schema[name])}" for name, sign in signs.items() if name in schema]
    return f" {', '.join(found)}" if found else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def plain(text: str) -> str:
    """As a cell of a Markdown table."""
    return text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*")
