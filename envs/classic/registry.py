"""Classic distributions by name: the `DEFINITIONS` of the files of this folder, and of plugins.

Listing them imports neither torch nor mujoco: keys and texts are read from the source, so that both have to be string
literals, and the text the first argument of its definition.
"""

from __future__ import annotations

import ast
import importlib
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from envs.listing import SourceRegistry, assignments, read_source
from envs.registry import Entry

if TYPE_CHECKING:
    from envs.classic.definition import Definition, PointDefinition

AnyDefinition: TypeAlias = "Definition | PointDefinition"


class ClassicRegistry(SourceRegistry["AnyDefinition"]):
    """Published definitions by name."""

    def __init__(self) -> None:
        super().__init__("distribution", "envs.classic", "metarl.tasks")

    def read_files(self, paths: list[Path]) -> dict[str, Entry[AnyDefinition]]:
        entries: dict[str, Entry[AnyDefinition]] = {}
        for path in paths:
            definitions = assignments(read_source(path).body).get("DEFINITIONS")
            if isinstance(definitions, ast.Dict):
                for key, value in zip(definitions.keys, definitions.values, strict=True):
                    name, text = _string(key), _string(value.args[0] if isinstance(value, ast.Call) else None)
                    entries[name] = Entry(text, partial(self._import, path.stem, name))
        return entries

    def offered_by(self, module: ModuleType) -> dict[str, Entry[AnyDefinition]]:
        definitions: dict[str, AnyDefinition] = getattr(module, "DEFINITIONS", {})
        return {name: Entry.of(definition.text, definition) for name, definition in definitions.items()}

    def _import(self, module: str, name: str) -> AnyDefinition:
        found: AnyDefinition = importlib.import_module(f"{self.package}.{module}").DEFINITIONS[name]
        return found


def _string(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


CLASSIC = ClassicRegistry()
