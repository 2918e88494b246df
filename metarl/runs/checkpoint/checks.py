"""What the content of a checkpoint must satisfy. Checks raise ValueError, KeyError or TypeError."""

from __future__ import annotations

import json
import math
from typing import Any

import torch

from agents.learner import Params

MAX_HEADER = 2**20  # bytes of a safetensors header; chosen
MAX_KEY = 40  # characters of a tensor's name in a message


def check_header(name: str, content: bytes) -> None:
    """A safetensors file has a short header, and its tensors lie within the file."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MAX_HEADER, len(content) - 8):
        raise ValueError(f"{name} has a header of {length} bytes")
    header = json.loads(content[8 : 8 + length])
    for key, tensor in header.items():
        if key == "__metadata__":
            continue
        begin, end = tensor["data_offsets"]
        if not 0 <= begin <= end <= len(content) - 8 - length:
            raise ValueError(f"{name}: {key[:MAX_KEY]} lies outside the file")


def check_finite(name: str, tensors: Params) -> None:
    """No tensor holds NaN or infinity."""
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{key[:MAX_KEY]} in {name} holds NaN or infinity")


def check_theta(theta: Params, like: Params) -> None:
    """theta has the names, shapes and dtypes of `like`."""
    expected, got = ({k: (tuple(v.shape), v.dtype) for k, v in params.items()} for params in (like, theta))
    if got != expected:
        key = next(k for k in expected | got if expected.get(k) != got.get(k))
        raise ValueError(f"it does not fit its config: {key[:MAX_KEY]} is {got.get(key)}, expected {expected.get(key)}")


def check_outer(outer: Params, like: Params) -> None:
    """An optimiser's tensors are named `<index>.<name>` and are scalars, or have the shape of the parameter with that
    index; `steps` is a count."""
    shapes = [v.shape for v in like.values()]
    for key, tensor in outer.items():
        if tensor.dtype != (torch.int64 if key == "steps" else torch.float32):
            raise ValueError(f"the optimiser's {key[:MAX_KEY]} is of {tensor.dtype}")
        index = key.partition(".")[0]
        if tensor.dim() and not (index.isdecimal() and int(index) < len(shapes) and tensor.shape == shapes[int(index)]):
            raise ValueError(f"the optimiser's {key[:MAX_KEY]} is of shape {tuple(tensor.shape)}")


def checked_count(name: str, value: Any) -> int:
    """A whole number of 0 or more."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is not a count")
    return value


def checked_seconds(value: Any) -> float:
    """A finite number of 0 or more."""
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(f"seconds is {value}")
    return float(value)


def checked_score(value: Any) -> float:
    """A finite number, or -infinity for anything else that is a number or missing."""
    return float(value) if value is not None and math.isfinite(float(value)) else -math.inf
