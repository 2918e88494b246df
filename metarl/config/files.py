"""Configs: one YAML file and a command line in, one frozen record out, every unknown key an error in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from metarl.config.schema import Config, Vary
from metarl.errors import UserError, nearest


def folder() -> Path:
    """The shipped configs: beside the package in a checkout, inside it in an installed wheel."""
    here = Path(__file__).resolve().parent.parent
    return here / "configs" if (here / "configs").is_dir() else here.parent / "configs"


def names() -> list[str]:
    """The shipped configs by name."""
    return sorted(p.stem for p in folder().glob("*.yaml"))


def find(name_or_path: str) -> Path:
    """A config by path, or a shipped one by name from any folder."""
    path = Path(name_or_path if can_be_path(name_or_path) else "")
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise UserError(f"there is no config file {path}")
        return path
    if name_or_path not in names():
        raise UserError(f"there is no config named {name_or_path!r}: {nearest(name_or_path, names())}")
    return folder() / f"{name_or_path}.yaml"


def can_be_path(text: str) -> bool:
    """Whether a file system can be asked for it: 4095 bytes at most, 255 a name, none of them zero."""
    whole = os.fsencode(text)
    return len(whole) < 4096 and b"\0" not in whole and all(len(name) < 256 for name in whole.split(b"/"))


def load(path: Path, overrides: dict[str, Any] | None = None) -> Config:
    """Read and check a config; `overrides` maps dotted keys to values."""
    raw = read_yaml(path)
    for key, value in (overrides or {}).items():
        _set(raw, key, value)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise UserError(_sentence(error, path, raw, overrides or {})) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping, by the safe loader."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} could not be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds {type(raw).__name__}, expected a mapping of settings")
    return raw


def dump(config: Config) -> str:
    """The config as YAML that `load` reads back to an equal one."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def split_overrides(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Take `--section.key VALUE` and `--section.key=VALUE` out of a command line; values are read as YAML."""
    own: list[str] = []
    overrides: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        key, equals, value = word[2:].partition("=")
        if not word.startswith("--") or "." not in key:
            own.append(word)
            continue
        value = value if equals else _value_after(word, rest)
        try:
            overrides[key.replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"the value of --{key} could not be read: write it as in YAML") from None
    return own, overrides


def _value_after(word: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise UserError(f"{word} needs a value")
    return value


def _set(raw: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        raw = raw.setdefault(parent, {})
        if not isinstance(raw, dict):
            raise UserError(f"--{key} does not fit: {parent} is not a section")
    raw[last] = value


def _sentence(error: ValidationError, path: Path, raw: dict[str, Any], overrides: dict[str, Any]) -> str:
    """The first problem as one sentence that names the file (or the option), the key and what would be right."""
    first = error.errors()[0]
    location = _without_tags(first["loc"], raw)
    key = ".".join(map(str, location))
    source = f"--{key}" if key in overrides else f"{path}: {key}" if key else str(path)
    match first["type"]:
        case "extra_forbidden":
            known = _known_keys(location[:-1], raw)
            return f"{source} is not a setting; {nearest(str(location[-1]), known)}"
        case "missing":
            return f"{source} is missing"
        case "union_tag_invalid":
            tag = str(first["ctx"]["tag"])
            known = first["ctx"]["expected_tags"].replace("'", "").split(", ")
            source = f"--{key}.kind" if f"{key}.kind" in overrides else f"{path}: {key}.kind"
            return f"{source} is {tag!r}; {nearest(tag, known)}"
        case "union_tag_not_found":
            return f"{source} needs a 'kind'"
        case "literal_error":
            got = str(first["input"])
            known = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return f"{source} is {got!r}; {nearest(got, known)}"
        case "value_error":
            return f"{source}: {first['ctx']['error']}"
        case _:
            return f"{source} is {first['input']!r}; {first['msg'][0].lower()}{first['msg'][1:]}"


def _without_tags(loc: tuple[int | str, ...], raw: Any) -> list[int | str]:
    """pydantic puts the chosen member of a union and '[key]' into the location; a user knows neither."""
    out: list[int | str] = []
    for part in loc:
        if isinstance(raw, dict) and part == raw.get("kind") and part not in raw:
            continue
        if part == "[key]":
            continue
        out.append(part)
        raw = raw.get(part) if isinstance(raw, dict) else None
    return out


def _known_keys(section: list[int | str], raw: dict[str, Any]) -> list[str]:
    """The settings of the section in which an unknown one was met."""
    schema: Any = Config
    for part in section:
        annotation = schema.model_fields[str(part)].annotation
        raw = raw[str(part)]
        members = get_args(annotation) or (annotation,)
        if part == "vary" or not all(isinstance(m, type) and issubclass(m, BaseModel) for m in members):
            return list(Vary.model_fields)
        schema = next((m for m in members if _is_of_kind(m, raw)), members[0])
    return list(schema.model_fields)


def _is_of_kind(member: type[BaseModel], raw: dict[str, Any]) -> bool:
    """Whether a section's `kind` chooses this member of a union; one without kinds is always meant."""
    kind = member.model_fields.get("kind")
    return kind is None or "kind" not in raw or str(raw["kind"]) in str(kind.annotation)
