"""Checkpoints: tensors in safetensors, numbers in JSON, never code.

    checkpoints/iteration_0000120/{theta,outer,random}.safetensors, state.json, manifest.json

A checkpoint is written beside its place and renamed into it, with the SHA-256 of every file in the manifest, so
that it is there whole or not at all. The newest one that checks out is the one that counts.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes

from agents.learner import Params
from metarl.errors import UserError

log = logging.getLogger(__name__)
KEEP = 2  # chosen: the newest, and one to fall back on


class State(NamedTuple):
    """Everything a run needs to go on as if it had never stopped."""

    iteration: int
    env_steps: int
    seconds: float  # of training so far
    theta: Params
    outer: Params
    generator: torch.Generator


def save(folder: Path, state: State) -> Path:
    """Write a checkpoint and sweep the old ones."""
    target = folder / f"iteration_{state.iteration:07d}"
    beside = folder / f".{target.name}.{os.getpid()}.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    numbers = {"iteration": state.iteration, "env_steps": state.env_steps, "seconds": state.seconds}
    files = {
        "theta.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.theta.items()}),
        "outer.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.outer.items()}),
        "random.safetensors": tensor_bytes({"generator": state.generator.get_state()}),
        "state.json": json.dumps(numbers).encode(),
    }
    manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    for name, content in {**files, "manifest.json": json.dumps(manifest, indent=1).encode()}.items():
        with open(beside / name, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    if target.exists():
        shutil.rmtree(target)
    beside.rename(target)
    for old in sorted(folder.glob("iteration_*"))[:-KEEP]:
        shutil.rmtree(old)
    return target


def newest_iteration(folder: Path) -> int:
    """Of the newest checkpoint by its name; 0 where there is none."""
    return max((int(p.name.removeprefix("iteration_")) for p in folder.glob("iteration_*")), default=0)


def load_newest(folder: Path) -> State:
    """The newest checkpoint that is whole; one that is not is passed over with a warning."""
    problems = []
    for path in sorted(folder.glob("iteration_*"), reverse=True):
        try:
            return load(path)
        except UserError as error:
            problems.append(str(error))
            log.warning("%s; looking for the one before it", error)
    reason = "; ".join(problems) or f"there is no checkpoint in {folder}"
    raise UserError(f"{reason}: train again, or give another run")


def load(path: Path) -> State:
    """Read one checkpoint after checking every byte of it."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
        files = {name: (path / Path(name).name).read_bytes() for name in manifest}
        damaged = [n for n, content in files.items() if hashlib.sha256(content).hexdigest() != manifest[n]]
        if damaged:
            raise UserError(f"checkpoint {path} is damaged: {damaged[0]} does not match its checksum")
        numbers = json.loads(files["state.json"])
        generator = torch.Generator()
        generator.set_state(parse_tensors(files["random.safetensors"])["generator"])
        return State(
            int(numbers["iteration"]),
            int(numbers["env_steps"]),
            float(numbers["seconds"]),
            parse_tensors(files["theta.safetensors"]),
            parse_tensors(files["outer.safetensors"]),
            generator,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise UserError(f"checkpoint {path} could not be read ({type(error).__name__}: {error})") from None
