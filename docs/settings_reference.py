"""The configuration reference, made from the classes of the settings and the meanings in `settings.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from pydantic import BaseModel

from metarl.config.reference import Setting, every_setting, meanings, section_classes, settings_of


def settings_reference() -> str:
    """Every key of a config: type, default, meaning."""
    parts = [
        "# Configuration reference",
        "This page is generated from the settings classes. A config is one YAML file with the sections below. "
        "Unknown keys are errors. On the command line, `--section.key VALUE` overrides a key, for example "
        "`--learner.inner_lr 0.2` or `--policy.hidden 32 32`; `metarl train CONFIG --help` prints the keys of one "
        "config. The sections `tasks`, `learner` and `outer` have a `kind`, which decides which other keys there are.",
        "## seed",
        _key_table(setting for setting in every_setting() if not setting.section),
    ]
    for section, kinds in section_classes().items():
        parts.append(f"## {section}")
        for kind, model in kinds.items():
            if kind:
                parts.append(f"### {section}.kind: {kind}")
                parts.append(plain(_summary(model)))
            parts.append(_model_table(settings_of(section, model, kind)))
    return "\n\n".join(parts) + "\n"


def keys() -> dict[str, list[str]]:
    """Every key, as `section.kind.key`, with the names under which `settings.yaml` may explain it."""
    return {setting.explained_as[0]: setting.explained_as for setting in every_setting()}


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _model_table(settings: list[Setting]) -> str:
    if not settings:
        return "No settings of its own."
    parts = [_key_table(setting for setting in settings if len(setting.path) == 1)]
    inner = groupby((setting for setting in settings if len(setting.path) > 1), lambda setting: setting.path[0])
    for key, nested in inner:
        parts += [f"Keys of `{key}`:", _key_table(nested)]
    return "\n\n".join(parts)


def _key_table(settings: Iterable[Setting]) -> str:
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in settings:
        if not set(setting.explained_as) & meanings().keys():
            raise KeyError(f"docs/settings.yaml does not explain {setting.explained_as[0]}")
        default = "required" if setting.default is None else f"`{setting.default}`"
        key, meaning = setting.path[-1], setting.meaning.replace("|", r"\|")
        lines.append(f"| `{key}` | {setting.type} | {default} | {meaning} |")
    return "\n".join(lines)


def plain(text: str) -> str:
    """As a cell of a Markdown table."""
    return text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*")
