"""What `metarl train CONFIG --help` prints below the options: every setting of the config."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.config.reference import Setting, every_setting, settings_of_config
from metarl.errors import UserError

MAX_VALUE = 60  # characters of a value that are shown


def config_among(words: Sequence[str]) -> Path | None:
    """The first word that is a config; None where there is none."""
    for word in words:
        if not word.startswith("-"):
            with suppress(UserError):
                return settings.find(word)
    return None


def keys_for(words: Sequence[str]) -> list[str]:
    """The settings that a command line can change, as options: those of its config, where it is a sound one."""
    path, found = config_among(words), every_setting()
    if path is not None:
        with suppress(UserError):
            found = settings_of_config(settings.load(path))
    return list(dict.fromkeys(f"--{setting.key}" for setting in found if setting.section))


def settings_text(path: Path) -> str:
    """Every setting of a config: its value, type, default and meaning. Raises UserError for a config that is wrong."""
    config = settings.load(path)
    width = min(shutil.get_terminal_size().columns, 120)
    parts = [f"settings of {path.stem}; each is changed by --section.key VALUE, a list by --policy.hidden 32 32"]
    section = ""
    for setting in settings_of_config(config):
        if setting.section != section:
            section = setting.section
            kind = f", kind {setting.kind}" if setting.kind else ""
            parts.append(f"\n{section}{kind}")
        parts.append(_entry(setting, config, width))
    return "\n".join(parts)


def _entry(setting: Setting, config: Config, width: int) -> str:
    default = "required" if setting.default is None else f"default {setting.default}"
    head = f"  --{setting.key} {_value_of(setting, config)}".rstrip()
    text = f"{setting.type.replace('`', '')}; {default}. {setting.meaning}"
    return f"{head}\n{textwrap.fill(text, width, initial_indent=' ' * 6, subsequent_indent=' ' * 6)}"


def _value_of(setting: Setting, config: Config) -> str:
    """What the config says; empty for a key of what it does not have."""
    value: Any = config.model_dump(mode="json")
    for part in (setting.section, *setting.path):
        if not isinstance(value, dict) or part not in value:
            return ""
        value = value[part]
    return textwrap.shorten(json.dumps(value), MAX_VALUE, placeholder=" ...")
