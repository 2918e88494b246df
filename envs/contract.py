"""What a user's code returned, checked once: a sentence names the method, what came and what was expected."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["float", "bool", "whole"]
Size = int | str | tuple[int, ...]  # one size, a letter for any, or one of several
MAX_QUOTED = 300  # characters of an error
_TYPES = {"float": "floating point", "bool": "bool", "whole": "whole numbers"}


class ContractError(ValueError):
    """A method of a user's class returned something else than it should."""


def describe(value: object) -> str:
    """What a value is: shape, type and device of a tensor, or the name of its class."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{'an' if kind.startswith('i') else 'a'} {kind} tensor of shape {list(value.shape)}" + (
            "" if value.is_cpu else f" on {value.device}"
        )
    shape = getattr(value, "shape", None)
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return "None" if value is None else f"{name} of shape {list(shape)}" if shape is not None else name


def expect(
    value: object,
    method: str,
    shape: tuple[Size, ...],
    kind: Kind = "float",
    device: torch.device | None = None,
    hint: str = "",
) -> Tensor:
    """The value, if it is a tensor of that shape and kind (and device). Raises ContractError.

    shape: a letter stands for any size from 1 on, a tuple for one of its sizes. hint: what to do, for the sentence.
    """
    if (
        isinstance(value, Tensor)
        and _is_kind(value, kind)
        and value.dim() == len(shape)
        and all(_fits(got, size) for got, size in zip(value.shape, shape, strict=True))
        and (device is None or value.device == device)
    ):
        return value
    sizes = ", ".join(" or ".join(map(str, s)) if isinstance(s, tuple) else str(s) for s in shape)
    wanted = f"a tensor of shape [{sizes}], {_TYPES[kind]}" + (f", on {device}" if device is not None else "")
    raise ContractError(f"{method} returned {describe(value)}, expected {wanted}{hint and ': '}{hint}")


def _is_kind(value: Tensor, kind: Kind) -> bool:
    if kind == "float":
        return value.is_floating_point()
    is_bool = value.dtype == torch.bool
    return is_bool if kind == "bool" else not (is_bool or value.is_floating_point() or value.is_complex())


def _fits(got: int, size: Size) -> bool:
    return got >= 1 if isinstance(size, str) else got in size if isinstance(size, tuple) else got == size


def called(method: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a user's code returns. Raises ContractError, with its error as the cause, where it fails."""
    try:
        return function(*arguments)
    except ContractError:
        raise
    except Exception as error:  # whatever a user's code raises
        what = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_QUOTED]
        raise ContractError(f"{method} raised {what}{_place_of(error)}: mend it there") from error


def _place_of(error: Exception) -> str:
    """Where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" (line {frames[-1].lineno} of {frames[-1].filename})" if len(frames) > 1 else ""


def name_of(function: object) -> str:
    """The name of a function or a callable object."""
    return getattr(function, "__qualname__", type(function).__qualname__)
