"""Objects that are copied and pickled by their specification: the arguments that they were built from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self


class Specified:
    """Copies and pickles are built anew from the same arguments; nothing else is kept."""

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **options: Any) -> Self:
        built = super().__new__(cls)
        built._arguments = args, options
        return built

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        args, options = self._arguments
        return partial(type(self), **options), args
