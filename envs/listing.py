"""Registries whose names are listed by reading source files, without importing them.

The modules behind these names import torch and mujoco, which takes a second or more. Names and one line of text on each
are therefore read with `ast`, and a module is imported only when one of its items is requested.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from envs.registry import Entries, Entry, Item


@cache
def read_source(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(), filename=str(path))


def assignments(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The values of `name = value` and `name: type = value` among some statements, by name."""
    found: dict[str, ast.expr] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign | ast.Assign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update({target.id: node.value for target in targets if isinstance(target, ast.Name)})
    return found


class SourceRegistry(Entries[Item], Mapping[str, Item]):
    """Items whose names and texts stand in the files of `package`, those of the folder first."""

    @abstractmethod
    def read_files(self, paths: list[Path]) -> dict[str, Entry[Item]]:
        """The items that the files of the package define, found without importing them."""

    def own_entries(self) -> dict[str, Entry[Item]]:
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        return self.read_files(sorted(path for folder in folders or [] for path in Path(folder).glob("*.py")))

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
