"""A folder is a registry: what lies in it is known by name, and nothing else has to be told.

Every module of a folder offers one thing under a fixed name, for example `Settings`. Modules of a registry import
neither torch nor mujoco, so that names are listed and settings are checked at once; what is heavy they import when they
build.

Other people's packages take part in two ways: an entry point of the group names a module, or a module is given by name
(`add_plugin`, the command line's `--plugin`). A run folder never names code to import.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


def nearest(word: str, known: Iterable[str]) -> str:
    """'did you mean X?' when something close is known, else the list of what is known."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"


def first_line(item: object) -> str:
    """The first line of a docstring."""
    return (item.__doc__ or "").strip().split("\n")[0]


class Registry(Generic[Item]):
    """Things by name, out of the modules of `package` and of plugins.

    what: how one of them is called in a sentence. attribute: the name under which a module offers them, one, or several
    as a tuple. name_of: the name of a thing. group: of the entry points of other packages. base: of what class they
    are, or are subclasses; whatever else a module offers under that name is none of this registry's.
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
        """Everything that is known, by name, in the order of the names."""
        if self._items is None:
            self._items = {}
            for module in (*self._own_modules(), *self._entry_points(), *self._plugins):
                self._take(module)
        return dict(sorted(self._items.items()))

    def names(self) -> list[str]:
        return list(self.items())

    def __contains__(self, name: str) -> bool:
        return name in self.items()

    def __getitem__(self, name: str) -> Item:
        """Raises ValueError, with the nearest name, for one that is not known."""
        items = self.items()
        if name not in items:
            raise ValueError(f"there is no {self.what} named {name!r}: {nearest(name, items)}")
        return items[name]

    def describe(self) -> dict[str, str]:
        """Each name with the first line of its docstring."""
        return {name: first_line(item) for name, item in self.items().items()}

    def add(self, module: ModuleType) -> bool:
        """Take what a plugin's module offers; False where it offers nothing of this kind.

        Raises ValueError for a name that is taken.
        """
        if not self._offered(module):
            return False
        if module not in self._plugins:
            self._plugins.append(module)
            if self._items is not None:
                self._take(module)
        return True

    def _own_modules(self) -> Iterator[ModuleType]:
        package = importlib.import_module(self.package)
        for info in pkgutil.iter_modules(package.__path__, f"{self.package}."):
            yield importlib.import_module(info.name)

    def _entry_points(self) -> Iterator[ModuleType]:
        for point in entry_points(group=self.group):
            found = point.load()
            yield found if isinstance(found, ModuleType) else importlib.import_module(found.__module__)

    def _offered(self, module: ModuleType) -> list[Item]:
        """What of this registry's kind a module offers."""
        offered: Any = getattr(module, self.attribute, ())
        several: tuple[Any, ...] = offered if isinstance(offered, tuple) else (offered,)
        return [x for x in several if isinstance(x, self.base) or (isinstance(x, type) and issubclass(x, self.base))]

    def _take(self, module: ModuleType) -> None:
        assert self._items is not None
        for item in self._offered(module):
            name = self.name_of(item)
            known = self._items.get(name)
            if known is not None and known is not item:
                raise ValueError(f"{module.__name__} offers the {self.what} {name!r}, a name that is taken: rename it")
            self._items[name] = item
