"""A folder is a registry: adding a file to it is all it takes to add an item.

Every module of the folder of a `Registry` offers its items under a fixed attribute, for example `Settings`. These
modules import neither torch nor mujoco, so that items can be listed and checked quickly; they import heavy libraries
when they build. Folders whose modules are heavy are listed by reading their source (`envs.listing`).

Other packages take part in two ways: by an entry point of the group that names a module, or by `add` (`--plugin MODULE`
on the command line). A run folder never names code to import.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
MAX_WORD = 100  # characters that are compared with known names; chosen


def nearest(word: str, known: Iterable[str]) -> str:
    """'did you mean X?' if a known word is close, else the list of known words."""
    known = sorted(known)
    close = get_close_matches(word[:MAX_WORD], known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"


def first_line(item: object) -> str:
    """The first line of a docstring."""
    return (item.__doc__ or "").strip().split("\n")[0]


class PluginError(ValueError):
    """Another package offers what cannot be taken: one sentence that names it."""


def load_entry_point(point: EntryPoint) -> ModuleType:
    """The module that another package names, or the one of the object that it names. Raises PluginError."""
    try:
        found = point.load()
        return found if isinstance(found, ModuleType) else importlib.import_module(found.__module__)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does
        package = point.dist.name if point.dist else "of an unknown package"
        raise PluginError(
            f"package {package}, entry point {point.name} of {point.group}: {point.value} could not be imported "
            f"({type(error).__name__}: {error}); repair or uninstall it"
        ) from None


def kind_of(settings: Any) -> str:
    """The `kind` of a class of settings, its default. Raises PluginError where there is none."""
    kind = settings.model_fields["kind"].default if "kind" in settings.model_fields else None
    if not isinstance(kind, str):
        raise PluginError(f"{settings.__module__}.{settings.__name__} needs a kind: write kind: Literal['x'] = 'x'")
    return kind


class Entry(NamedTuple, Generic[Item]):
    """A listed item: one line of text on it, and how to import it."""

    text: str
    load: Callable[[], Item]

    @classmethod
    def of(cls, text: str, item: Item) -> Entry[Item]:
        """The entry of an item that is imported already."""
        return cls(text, lambda: item)


class Entries(ABC, Generic[Item]):
    """Items by name: those of `package`, of entry points of `group`, and of plugins that were added.

    what: what one item is called in error messages.
    """

    def __init__(self, what: str, package: str, group: str) -> None:
        self.what, self.package, self.group = what, package, group
        self._entries: dict[str, Entry[Item]] | None = None
        self._plugins: list[ModuleType] = []

    @abstractmethod
    def own_entries(self) -> dict[str, Entry[Item]]:
        """The items of the package."""

    @abstractmethod
    def offered_by(self, module: ModuleType) -> dict[str, Entry[Item]]:
        """The items that an imported module defines."""

    def names(self) -> list[str]:
        """All names."""
        return list(self._all())

    def describe(self) -> dict[str, str]:
        """One line of text on each item."""
        return {name: self._all()[name].text for name in self.names()}

    def add(self, module: ModuleType) -> bool:
        """Register the items of a plugin; False if it has none. Raises PluginError for a name that is taken."""
        offered = self.offered_by(module)
        if module not in self._plugins and offered:
            self._merge(self._all(), offered, module)
            self._plugins.append(module)
        return bool(offered)

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __getitem__(self, name: str) -> Item:
        """Raises ValueError, with the nearest name, for an unknown one."""
        self.check(name)
        return self._all()[name].load()

    def check(self, name: str) -> None:
        """Raise ValueError, with the nearest name, for an unknown one."""
        if name not in self:
            raise ValueError(f"there is no {self.what} named {name!r}: {nearest(name, self.names())}")

    def _all(self) -> dict[str, Entry[Item]]:
        if self._entries is None:
            entries = self.own_entries()
            for point in entry_points(group=self.group):
                module = load_entry_point(point)
                self._merge(entries, self.offered_by(module), module)
            self._entries = entries
        return self._entries

    def _merge(self, entries: dict[str, Entry[Item]], new: dict[str, Entry[Item]], module: ModuleType) -> None:
        """Add new entries, of which none may have the name of another item."""
        for name in sorted(entries.keys() & new.keys()):
            if entries[name].load() is not new[name].load():
                raise PluginError(f"{module.__name__} offers the {self.what} {name!r}, a name that is taken: rename it")
        entries.update(new)


class Registry(Entries[Item]):
    """Items of imported modules: everything of the folder is imported to list it, and has to be light.

    attribute: the name under which a module offers one item, or a tuple of them. name_of: the name of an item. base:
    the class of which items are instances or subclasses; anything else under that name is ignored.
    """

    def __init__(
        self,
        what: str,
        package: str,
        attribute: str,
        name_of: Callable[[Item], str],
        group: str,
        base: type | None = None,
    ) -> None:
        super().__init__(what, package, group)
        self.attribute, self.name_of, self.base = attribute, name_of, base or object

    def own_entries(self) -> dict[str, Entry[Item]]:
        entries: dict[str, Entry[Item]] = {}
        for info in pkgutil.iter_modules(importlib.import_module(self.package).__path__, f"{self.package}."):
            module = importlib.import_module(info.name)
            self._merge(entries, self.offered_by(module), module)
        return entries

    def offered_by(self, module: ModuleType) -> dict[str, Entry[Item]]:
        offered: Any = getattr(module, self.attribute, ())
        entries: dict[str, Entry[Item]] = {}
        for item in offered if isinstance(offered, tuple) else (offered,):
            if _is_one(item, self.base):
                self._merge(entries, {self.name_of(item): Entry.of(first_line(item), item)}, module)
        return entries

    def names(self) -> list[str]:
        """All names, in alphabetical order."""
        return sorted(super().names())

    def items(self) -> dict[str, Item]:
        """All items by name, in alphabetical order."""
        return {name: self[name] for name in self.names()}


def _is_one(item: Any, base: type) -> bool:
    """Whether it is an instance, or a subclass."""
    return isinstance(item, base) or (isinstance(item, type) and issubclass(item, base))
