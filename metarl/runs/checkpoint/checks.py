"""What the content of a checkpoint must satisfy. Checks raise ValueError, KeyError or TypeError."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from agents.baselines.sac import TARGETS
from agents.learner import Params
from metarl.runs import stored
from metarl.system.strict_json import parse_json

MAX_HEADER = 2**20  # bytes of a safetensors header; chosen
MAX_TENSORS = 10_000  # of a file; chosen
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}  # bytes
LEVELS = "curriculum.levels"  # of the tasks of a meta-batch, among the tensors of the outer step
REPLAY = "replay."  # prefix of the tensors of a replay among them
REPLAYS = ((2, torch.float32), (0, torch.int64), (3, torch.float32), (1, torch.int64))  # of one, or of each task
MAX_KEY = 40  # characters of a tensor's name in a message


class Claimed(stored.Stored):
    """What a safetensors header says of a tensor."""

    dtype: Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
    shape: Annotated[list[stored.Count], Field(max_length=8)]
    data_offsets: Annotated[list[stored.Count], Field(min_length=2, max_length=2)]


def check_header(name: str, content: bytes) -> None:
    """A safetensors file has a short header; its tensors fill the file, one after the other, each as large as its
    shape says."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MAX_HEADER, len(content) - 8):
        raise ValueError(f"{name} has a header of {length} bytes")
    header = parse_json(content[8 : 8 + length])
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise ValueError(f"{name} has no header that names tensors")
    spans = sorted(_span(name, key, tensor) for key, tensor in header.items() if key != "__metadata__")
    ends = [0, *(end for _, end in spans)]
    if [begin for begin, _ in spans] != ends[:-1] or ends[-1] != len(content) - 8 - length:
        raise ValueError(f"{name}: its tensors do not fill the file")


def _span(name: str, key: str, tensor: Any) -> tuple[int, int]:
    """Where a tensor begins and ends."""
    try:
        claimed = stored.checked(Claimed, tensor)
    except ValueError as error:
        raise ValueError(f"{name}: {key[:MAX_KEY]}: {error}") from None
    begin, end = claimed.data_offsets
    if end - begin != math.prod(claimed.shape) * SIZES[claimed.dtype]:
        raise ValueError(f"{name}: {key[:MAX_KEY]} is not as large as its shape says")
    return begin, end


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
    index; `steps` is a count, and levels of a curriculum are a row of shares. Off-policy learners have a replay: rows
    of numbers, and how many were added, or the same of each task."""
    shapes = [v.shape for v in like.values()]
    for key, tensor in outer.items():
        if key == LEVELS and tensor.dtype == torch.float32 and tensor.dim() == 1:
            continue  # those that are not finite were refused before
        if has_replay(like) and key.startswith(REPLAY):
            if (tensor.dim(), tensor.dtype) not in REPLAYS:
                raise ValueError(f"{key[:MAX_KEY]} is of shape {tuple(tensor.shape)} and of {tensor.dtype}")
            continue
        if tensor.dtype != (torch.int64 if key == "steps" else torch.float32):
            raise ValueError(f"the optimiser's {key[:MAX_KEY]} is of {tensor.dtype}")
        index = key.partition(".")[0]
        if tensor.dim() and not (index.isdecimal() and int(index) < len(shapes) and tensor.shape == shapes[int(index)]):
            raise ValueError(f"the optimiser's {key[:MAX_KEY]} is of shape {tuple(tensor.shape)}")


def has_replay(theta: Params) -> bool:
    """Whether a learner with such parameters learns from a replay: it has slow copies of value functions."""
    return any(name.startswith(TARGETS) for name in theta)
