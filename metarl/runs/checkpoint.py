"""Checkpoints: tensors in safetensors, numbers in JSON, never code.

    checkpoints/iteration_0000120/{theta,outer,random}.safetensors, state.json, manifest.json

A checkpoint is written beside its place, synced, and renamed into it, with the size and the SHA-256 of every file in
the manifest, so that it is there whole or not at all. The newest one that checks out is the one that counts; no
pointer says which. Kept are the last two and the best.

What lies in a folder may come from anybody. Nothing is read but the files named above, none through a link, none beyond
a size; what a file says of itself is held against what is expected before anything is made of it, and numbers that are
none are refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes

from agents.learner import Params
from metarl.errors import UserError
from metarl.runs.folder import Run

log = logging.getLogger(__name__)
KEEP = 2  # chosen: the newest, and one to fall back on
TENSORS = ("theta.safetensors", "outer.safetensors", "random.safetensors")
FILES = (*TENSORS, "state.json")
MANIFEST = "manifest.json"
MOST_BYTES = 8 * 2**30  # of a file; chosen
MOST_HEADER = 2**20  # bytes of what a file says about its tensors
MOST_NUMBERS = 2**16  # bytes of JSON
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError, SafetensorError)


class State(NamedTuple):
    """Everything a run needs to go on as if it had never stopped."""

    iteration: int
    env_steps: int
    seconds: float  # of training so far
    theta: Params
    outer: Params
    generator: torch.Generator
    score: float = -math.inf  # how well training went lately: the best of all checkpoints is kept


Load = Callable[[Params], State]
"""What theta should look like -> a state that does."""


def packed(state: State) -> dict[str, bytes]:
    """What the files of a checkpoint hold, by name; equal for equal states."""
    numbers = {"iteration": state.iteration, "env_steps": state.env_steps, "seconds": state.seconds}
    if math.isfinite(state.score):
        numbers["score"] = state.score
    return {
        "theta.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.theta.items()}),
        "outer.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.outer.items()}),
        "random.safetensors": tensor_bytes({"generator": state.generator.get_state()}),
        "state.json": json.dumps(numbers).encode(),
    }


def save(folder: Path, state: State) -> Path:
    """Write a checkpoint and sweep the old ones. OSError where it cannot be written; those before it stay."""
    target = folder / f"iteration_{state.iteration:07d}"
    beside = folder / f".{target.name}.{os.getpid()}.tmp"
    files = packed(state)
    sums = {name: {"sha256": hashlib.sha256(c).hexdigest(), "size": len(c)} for name, c in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        for name, content in {**files, MANIFEST: json.dumps(sums, indent=1).encode()}.items():
            with open(beside / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(beside)
        if target.exists():  # damaged, or of a training that came this far before
            os.replace(target, aside := beside.with_suffix(".old.tmp"))
            os.rename(beside, target)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.rename(beside, target)
        _sync(folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sweep(folder)
    return target


def _sync(folder: Path) -> None:
    """Names are on the disk, not just the files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what interrupted saves left, and checkpoints but for the last two and the best."""
    for leftover in folder.glob(".iteration_*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    whole = sorted(folder.glob("iteration_*"))
    older = whole[:-KEEP]
    if older:
        best = max(whole, key=_score)
        for path in older:
            if path != best or not math.isfinite(_score(best)):
                shutil.rmtree(path, ignore_errors=True)


def _score(path: Path) -> float:
    try:
        score = float(json.loads(_content(path / "state.json", MOST_NUMBERS)).get("score", -math.inf))
    except UNREADABLE:
        return -math.inf
    return score if math.isfinite(score) else -math.inf


def selected_checkpoint(run: Run) -> Load:
    """How to load what is meant by a run: its newest checkpoint that is whole, or its best."""
    return (lambda like: load(_best(run.checkpoints), like)) if run.best else newest(run.checkpoints)


def selected_iteration(run: Run) -> int:
    """Of that checkpoint, by its name; 0 where there is none."""
    return _iteration(_best(run.checkpoints)) if run.best else newest_iteration(run.checkpoints)


def _best(folder: Path) -> Path:
    """The checkpoint before which training went best. UserError where none says how it went."""
    best = max(sorted(folder.glob("iteration_*")), key=_score, default=None)
    if best is None or not math.isfinite(_score(best)):
        raise UserError(f"no checkpoint in {folder} says how well training went: give the run without @best")
    return best


def newest_iteration(folder: Path) -> int:
    """Of the newest checkpoint by its name; 0 where there is none."""
    return max((_iteration(path) for path in folder.glob("iteration_*")), default=0)


def _iteration(path: Path) -> int:
    digits = path.name.removeprefix("iteration_")
    return int(digits) if digits.isdecimal() and len(digits) < 12 else 0


def newest(folder: Path) -> Load:
    """How to load the newest checkpoint that is whole."""
    return lambda like: load_newest(folder, like)


def load_newest(folder: Path, like: Params | None = None) -> State:
    """The newest checkpoint that is whole; one that is not is passed over with a warning."""
    problems = []
    for path in sorted(folder.glob("iteration_*"), key=_iteration, reverse=True):
        try:
            return load(path, like)
        except UserError as error:
            problems.append(str(error))
            log.warning("%s; looking for the one before it", error)
    reason = "; ".join(problems) or f"there is no checkpoint in {folder}"
    raise UserError(f"{reason}: train again, or give another run")


def load(path: Path, like: Params | None = None) -> State:
    """Read one checkpoint after checking every byte of it; `like` is what theta should look like.

    Raises UserError, in one sentence, for one that is not whole, not of this learner, or not of finite numbers.
    """
    try:
        state = unpacked(_files(path), like)
        if state.iteration != _iteration(path):
            raise ValueError(f"it is of iteration {state.iteration}")
        return state
    except UNREADABLE as error:
        said = " ".join(str(error).split())[:300]
        raise UserError(f"checkpoint {path} could not be read ({type(error).__name__}: {said})") from None


def unpacked(files: Mapping[str, bytes], like: Params | None = None) -> State:
    """The state that `packed` gave; one of UNREADABLE where it is none, or not one of theta `like` this."""
    numbers = json.loads(files["state.json"])
    for name in TENSORS:
        _check_header(name, files[name])
    theta = _tensors(files, "theta.safetensors")
    if like is not None:
        _check_theta(theta, like)
    outer = _tensors(files, "outer.safetensors")
    if like is not None:
        _check_outer(outer, [v.shape for v in like.values()])
    generator = torch.Generator()
    generator.set_state(parse_tensors(files["random.safetensors"])["generator"])
    iteration, env_steps, seconds = (numbers[k] for k in ("iteration", "env_steps", "seconds"))
    if not (type(iteration) is int and type(env_steps) is int and min(iteration, env_steps) >= 0):
        raise ValueError("iteration and env_steps are to be counts")
    if type(seconds) not in (int, float) or not 0 <= seconds < math.inf:
        raise ValueError(f"seconds is {seconds}")
    return State(iteration, env_steps, float(seconds), theta, outer, generator, _finite(numbers.get("score")))


def _finite(score: Any) -> float:
    return float(score) if score is not None and math.isfinite(float(score)) else -math.inf


def _files(path: Path) -> dict[str, bytes]:
    """Every file of a checkpoint, as its manifest describes it."""
    if path.is_symlink():
        raise ValueError("it is a link")
    manifest = json.loads(_content(path / MANIFEST, MOST_NUMBERS))
    if not isinstance(manifest, dict) or set(manifest) != set(FILES):
        raise ValueError(f"the manifest is to name {', '.join(FILES)}")
    files = {}
    for name in FILES:
        size = manifest[name]["size"]
        if type(size) is not int or not 0 <= size <= MOST_BYTES:
            raise ValueError(f"{name} is to be of {size} bytes")
        files[name] = _content(path / name, size)
        if len(files[name]) != size or hashlib.sha256(files[name]).hexdigest() != manifest[name]["sha256"]:
            raise UserError(f"checkpoint {path} is damaged: {name} does not match its checksum")
    return files


def _content(path: Path, most: int) -> bytes:
    """Of a plain file of up to so many bytes."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        size = os.fstat(handle).st_size
        if not path.is_file() or size > most:
            raise ValueError(f"{path.name} is no plain file of at most {most} bytes")
        return file.read(most + 1)


def _check_header(name: str, content: bytes) -> None:
    """What a safetensors file says about itself is short, and is about what is in it."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MOST_HEADER, len(content) - 8):
        raise ValueError(f"{name} has a header of {length} bytes")
    claimed = json.loads(content[8 : 8 + length])
    for key, tensor in claimed.items():
        if key == "__metadata__":
            continue
        begin, end = tensor["data_offsets"]
        if not 0 <= begin <= end <= len(content) - 8 - length:
            raise ValueError(f"{name}: {key[:40]} lies outside the file")


def _tensors(files: Mapping[str, bytes], name: str) -> Params:
    tensors = parse_tensors(files[name])
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{key[:40]} in {name} is infinite or not a number")
    return tensors


def _check_theta(theta: Params, like: Params) -> None:
    expected, got = ({k: (tuple(v.shape), v.dtype) for k, v in params.items()} for params in (like, theta))
    if got != expected:
        key = next(k for k in expected | got if expected.get(k) != got.get(k))
        raise ValueError(f"it does not fit its config: {key[:40]} is {got.get(key)}, expected {expected.get(key)}")


def _check_outer(outer: Params, shapes: list[torch.Size]) -> None:
    """An optimiser's tensors are called `<index>.<name>` and have no axis, or the shape of that parameter; `steps` is a
    count."""
    for key, tensor in outer.items():
        if tensor.dtype != (torch.int64 if key == "steps" else torch.float32):
            raise ValueError(f"the optimiser's {key[:40]} is of {tensor.dtype}")
        index = key.partition(".")[0]
        if tensor.dim() and not (index.isdecimal() and int(index) < len(shapes) and tensor.shape == shapes[int(index)]):
            raise ValueError(f"the optimiser's {key[:40]} is of shape {tuple(tensor.shape)}")
