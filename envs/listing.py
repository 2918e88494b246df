"""Registries whose names are listed by reading source files, without importing them.

The modules behind these names import torch and mujoco, which takes a second or more. Names and one line of text on each
are therefore read with `ast`, and a module is imported only when one of its items is requested.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Generic, NamedTuple, TypeVar

from envs.registry import PluginError, load_entry_point, nearest

Item = TypeVar("Item")


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


class Entry(NamedTuple, Generic[Item]):
    """A listed item: one line of text on it, and how to import it."""

    text: str
    load: Callable[[], Item]

    @classmethod
    def of(cls, text: str, item: Item) -> Entry[Item]:
        """The entry of an item that is imported already."""
        return cls(text, lambda: item)


class SourceRegistry(ABC, Mapping[str, Item]):
    """Items by name: those of the files of `package`, of entry points of `group`, and of plugins that were added.

    what: what one item is called in error messages.
    """

    def __init__(self, what: str, package: str, group: str) -> None:
        self.what, self.package, self.group = what, package, group
        self._entries: dict[str, Entry[Item]] | None = None
        self._plugins: list[ModuleType] = []

    @abstractmethod
    def read_files(self, paths: list[Path]) -> dict[str, Entry[Item]]:
        """The items that the files of the package define, found without importing them."""

    @abstractmethod
    def offered_by(self, module: ModuleType) -> dict[str, Entry[Item]]:
        """The items that an imported module defines."""

    def names(self) -> list[str]:
        """All names, those of the folder first."""
        return list(self._all())

    def describe(self) -> dict[str, str]:
        """One line of text on each item."""
        return {name: entry.text for name, entry in self._all().items()}

    def add(self, module: ModuleType) -> bool:
        """Register the items of a plugin; False if it has none. Raises ValueError for a name that is taken."""
        offered = self.offered_by(module)
        if module not in self._plugins and offered:
            self._merge(self._all(), offered, module)
            self._plugins.append(module)
        return bool(offered)

    def __getitem__(self, name: str) -> Item:
        """Import an item. Raises ValueError, with the nearest name, for an unknown one."""
        self.check(name)
        return self._all()[name].load()

    def check(self, name: str) -> None:
        """Raise ValueError, with the nearest name, for an unknown one."""
        if name not in self:
            raise ValueError(f"there is no {self.what} named {name!r}: {nearest(name, self)}")

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Entry[Item]]:
        if self._entries is None:
            entries = self.read_files(self._files())
            for point in entry_points(group=self.group):
                module = load_entry_point(point)
                self._merge(entries, self.offered_by(module), module)
            self._entries = entries
        return self._entries

    def _files(self) -> list[Path]:
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        return sorted(path for folder in folders or [] for path in Path(folder).glob("*.py"))

    def _merge(self, entries: dict[str, Entry[Item]], new: dict[str, Entry[Item]], module: ModuleType) -> None:
        if taken := sorted(entries.keys() & new.keys()):
            raise PluginError(f"{module.__name__} offers the {self.what} {taken[0]!r}, a name that is taken: rename it")
        entries.update(new)
