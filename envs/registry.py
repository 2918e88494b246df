"""A folder is a registry: adding a file to it is all it takes to add an item.

Every module of the folder offers its items under a fixed attribute, for example `Settings`. These modules import
neither torch nor mujoco, so that items can be listed and checked quickly; they import heavy libraries when they build.

Other packages take part in two ways: by an entry point of the group that names a module, or by `add` (`--plugin MODULE`
on the command line). A run folder never names code to import.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

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


class Registry(Generic[Item]):
    """Items by name, from the modules of `package`, from entry points and from plugins.

    what: what one item is called in error messages. attribute: the name under which a module offers one item, or a
    tuple of them. name_of: the name of an item. group: the group of entry points. base: the class of which items are
    instances or subclasses; anything else under that name is ignored.
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
        self.what, self.package, self.attribute, self.name_of, self.group = what, package, attribute, name_of, group
        self.base = base or object
        self._items: dict[str, Item] | None = None
        self._plugins: list[ModuleType] = []

    def items(self) -> dict[str, Item]:
        """All items by name, in alphabetical order."""
        if self._items is None:
            found: dict[str, Item] = {}
            for module in (*self._own_modules(), *self._entry_points(), *self._plugins):
                self._take(module, found)
            self._items = found
        return dict(sorted(self._items.items()))

    def names(self) -> list[str]:
        """All names, in alphabetical order."""
        return list(self.items())

    def __contains__(self, name: str) -> bool:
        return name in self.items()

    def __getitem__(self, name: str) -> Item:
        """Raises ValueError, with the nearest name, for an unknown one."""
        items = self.items()
        if name not in items:
            raise ValueError(f"there is no {self.what} named {name!r}: {nearest(name, items)}")
        return items[name]

    def describe(self) -> dict[str, str]:
        """Each name with the first line of its docstring."""
        return {name: first_line(item) for name, item in self.items().items()}

    def add(self, module: ModuleType) -> bool:
        """Register the items of a plugin's module; False if it has none.

        Raises PluginError for a name that is taken.
        """
        if not self._offered(module):
            return False
        if module not in self._plugins:
            items = self.items()
            self._take(module, items)
            self._items = items
            self._plugins.append(module)
        return True

    def _own_modules(self) -> Iterator[ModuleType]:
        package = importlib.import_module(self.package)
        for info in pkgutil.iter_modules(package.__path__, f"{self.package}."):
            yield importlib.import_module(info.name)

    def _entry_points(self) -> Iterator[ModuleType]:
        for point in entry_points(group=self.group):
            yield load_entry_point(point)

    def _offered(self, module: ModuleType) -> list[Item]:
        """The items of a module."""
        offered: Any = getattr(module, self.attribute, ())
        several: tuple[Any, ...] = offered if isinstance(offered, tuple) else (offered,)
        return [x for x in several if _is_one(x, self.base)]

    def _take(self, module: ModuleType, items: dict[str, Item]) -> None:
        for item in self._offered(module):
            name = self.name_of(item)
            known = items.get(name)
            if known is not None and known is not item:
                raise PluginError(f"{module.__name__} offers the {self.what} {name!r}, a name that is taken: rename it")
            items[name] = item


def _is_one(item: Any, base: type) -> bool:
    """Whether it is an instance, or a subclass."""
    return isinstance(item, base) or (isinstance(item, type) and issubclass(item, base))
