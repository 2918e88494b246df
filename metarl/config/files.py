"""Configs: one YAML file and command-line overrides in, one frozen record out; every mistake is one sentence."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metarl.config import plain_yaml
from metarl.config.experiment import SECTIONS, Config, config_class
from metarl.config.messages import quoted, sentence, shortened
from metarl.config.renamed import rename
from metarl.errors import UserError, nearest

_NAMES = {type(None): "nothing", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


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
    """Whether it can be a path: 4095 bytes at most, 255 a name, none of them zero."""
    whole = os.fsencode(text)
    return len(whole) < 4096 and b"\0" not in whole and all(len(name) < 256 for name in whole.split(b"/"))


def load(name_or_path: str | Path, overrides: dict[str, Any] | None = None) -> Config:
    """Read and check a config, a shipped one by its name; `overrides` maps dotted keys to values.

    Raises UserError, in one sentence, for whatever is wrong with it.
    """
    path = name_or_path if isinstance(name_or_path, Path) else find(name_or_path)
    return parse(read_yaml(path), str(path), overrides)


def parse(raw: dict[str, Any], source: str = "config", overrides: dict[str, Any] | None = None) -> Config:
    """The same of settings that are there already, as nested dictionaries; `source` is where they are from."""
    overrides = dict(overrides or {})
    raw = copy.deepcopy(raw)
    for key, value in overrides.items():
        _set(raw, key, copy.deepcopy(value))
    model = config_class(**{name: _class_of(name, raw, source, overrides) for name in SECTIONS})
    rename(raw, source, overrides)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise UserError(sentence(error, model, source, overrides)) from None


def _class_of(name: str, raw: dict[str, Any], source: str, overrides: dict[str, Any]) -> Any:
    """The class of a section, by the kind that `raw` asks for."""
    registry = SECTIONS[name]
    if name not in raw:
        raise UserError(f"{source}: {name} is missing")
    section = raw[name]
    if not isinstance(section, dict):
        where = f"--{name}" if name in overrides else f"{source}: {name}"
        raise UserError(f"{where} is {quoted(section)}, expected a section")
    if "kind" not in section:
        raise UserError(f"{source}: {name} needs a 'kind', one of {', '.join(registry.names())}")
    kind = section["kind"] if isinstance(section["kind"], str) else quoted(section["kind"])
    if kind not in registry:
        where = f"--{name}.kind" if f"{name}.kind" in overrides else f"{source}: {name}.kind"
        raise UserError(f"{where} is {quoted(kind)}; {nearest(kind, registry.names())}")
    return registry[kind]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping of settings in a file (`metarl.config.plain_yaml`). Raises UserError for a file that is none."""
    try:
        raw = plain_yaml.read_document(path)
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path} could not be read as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds {_NAMES.get(type(raw), type(raw).__name__)}, expected a mapping of settings")
    return raw


def dump(config: Config) -> str:
    """The config as YAML that `load` reads back to an equal one."""
    return plain_yaml.dump(config.model_dump(mode="json"))


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
            overrides[key.replace("-", "_")] = plain_yaml.parse_text(value)
        except ValueError as error:
            raise UserError(f"the value of --{shortened(key)} could not be read as YAML: {error}") from None
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
