"""Kinds of damage to a checkpoint: flipped bits, missing files, false headers, wrong numbers, and the like."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save as tensor_bytes

from agents.learner import Params
from metarl.runs import checkpoint

SHAPES: dict[str, tuple[int, ...]] = {"layer0.weight": (8, 4), "layer0.bias": (8,), "log_std": (2,)}
Damage = Callable[[Path, random.Random], None]


def state(iteration: int) -> checkpoint.State:
    generator = torch.Generator().manual_seed(iteration)
    theta = {k: torch.randn(s, generator=generator) for k, s in SHAPES.items()}
    outer = {f"{i}.exp_avg": torch.randn(s, generator=generator) for i, s in enumerate(SHAPES.values())}
    return checkpoint.State(iteration, 10 * iteration, 1.5, theta, outer | {"steps": torch.tensor(3)}, generator)


def some_file(folder: Path, rng: random.Random) -> Path:
    return folder / rng.choice([*checkpoint.FILES, checkpoint.MANIFEST])


def flip(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 1, 8))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def grow(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randint(1, 100)))


def zero(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.write_bytes(bytes(len(path.read_bytes())))


def noise(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.write_bytes(rng.randbytes(rng.randint(0, 2000)))


def remove(folder: Path, rng: random.Random) -> None:
    some_file(folder, rng).unlink()


def swap(folder: Path, rng: random.Random) -> None:
    a, b = rng.sample(checkpoint.FILES, 2)
    first, second = (folder / a).read_bytes(), (folder / b).read_bytes()
    (folder / a).write_bytes(second)
    (folder / b).write_bytes(first)


def of_another(folder: Path, rng: random.Random) -> None:
    name = rng.choice(checkpoint.FILES)
    shutil.copy(folder.parent / "iteration_0000001" / name, folder / name)


def link(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    kept = folder.parent.parent / "kept"
    shutil.copy(path, kept)
    path.unlink()
    path.symlink_to(rng.choice((kept, Path("/dev/zero"), Path("/etc/passwd"), Path(".."))))


def folder_for_file(folder: Path, rng: random.Random) -> None:
    path = some_file(folder, rng)
    path.unlink()
    path.mkdir()


def resealed(change: Callable[[checkpoint.State, random.Random], checkpoint.State]) -> Damage:
    """Other content, with a manifest that matches it."""

    def damage(folder: Path, rng: random.Random) -> None:
        checkpoint.save(folder.parent, change(state(2), rng))

    return damage


def reseal(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / checkpoint.MANIFEST).read_bytes())
    manifest[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (folder / checkpoint.MANIFEST).write_bytes(json.dumps(manifest).encode())


def with_bad_number(s: checkpoint.State, rng: random.Random) -> checkpoint.State:
    part = rng.choice(("theta", "outer"))
    params: Params = dict(getattr(s, part))
    name = rng.choice([k for k, v in params.items() if v.is_floating_point()])
    values = params[name].clone()
    values.view(-1)[rng.randrange(values.numel())] = rng.choice((torch.nan, torch.inf, -torch.inf))
    return s._replace(**{part: params | {name: values}})


def with_wrong_shape(s: checkpoint.State, rng: random.Random) -> checkpoint.State:
    part = rng.choice(("theta", "outer"))
    params: Params = dict(getattr(s, part))
    name = rng.choice([k for k, v in params.items() if v.dim()])
    old = params[name]
    new = rng.choice((old.repeat(2, *[1] * (old.dim() - 1)), old.flatten()[:1], old[None], old.new_zeros(0)))
    if part == "theta" and rng.random() < 0.3:
        new = old.double() if rng.random() < 0.5 else old.half()
    return s._replace(**{part: params | {name: new}})


def with_another_name(s: checkpoint.State, rng: random.Random) -> checkpoint.State:
    params = dict(s.theta)
    name = rng.choice(list(params))
    if rng.random() < 0.5:
        return s._replace(theta={k: v for k, v in params.items() if k != name})
    return s._replace(theta=params | {rng.choice(("evil", "../x", "x" * 1000)): params[name].clone()})


def header(folder: Path, rng: random.Random) -> None:
    """Wrong lengths, offsets and types."""
    name = rng.choice(checkpoint.TENSORS)
    content = (folder / name).read_bytes()
    length = int.from_bytes(content[:8], "little")
    claimed = json.loads(content[8 : 8 + length])
    kind = rng.randrange(5)
    if kind == 0:
        new = rng.choice((2**63, 2**40, 2**20 + 1, length + 1, 0)).to_bytes(8, "little") + content[8:]
    else:
        key = rng.choice([k for k in claimed if k != "__metadata__"])
        entry = claimed[key]
        if kind == 1:
            entry["shape"] = rng.choice(([2**40], [-1], [2**31, 2**31, 2**31], "x", [1.5], [[1]]))
        elif kind == 2:
            entry["data_offsets"] = rng.choice(([0, 2**50], [-8, 0], [5, 1], [0], None))
        elif kind == 3:
            entry["dtype"] = rng.choice(("F64", "BOOL", "EVIL", 3, None))
        else:
            claimed[key] = rng.choice((None, [], "x", {"dtype": "F32"}))
        text = json.dumps(claimed).encode()
        new = len(text).to_bytes(8, "little") + text + content[8 + length :]
    reseal(folder, name, new)


def numbers(folder: Path, rng: random.Random) -> None:
    """Counts that are not whole numbers of 0 or more."""
    stored = json.loads((folder / "state.json").read_bytes())
    key = rng.choice(("iteration", "env_steps", "seconds"))
    stored[key] = rng.choice((-1, 2**70, "3", None, [], {}, True, float("nan"), float("inf"), 1.5, "__import__('os')"))
    if key == "seconds" and isinstance(stored[key], int | float) and 0 <= stored[key] < float("inf"):
        stored[key] = -1.0
    if key == "env_steps" and stored[key] == 2**70:
        stored[key] = -5
    reseal(folder, "state.json", json.dumps(stored).encode())


def deep(folder: Path, rng: random.Random) -> None:
    name = rng.choice(("state.json", checkpoint.MANIFEST))
    text = b"[" * 100_000 if rng.random() < 0.5 else b'{"a":' * 50_000
    if name == checkpoint.MANIFEST:
        (folder / name).write_bytes(text)
    else:
        reseal(folder, name, text)


def manifest(folder: Path, rng: random.Random) -> None:
    """A manifest that names other files, or impossible sizes."""
    stored = json.loads((folder / checkpoint.MANIFEST).read_bytes())
    name = rng.choice(checkpoint.FILES)
    kind = rng.randrange(4)
    if kind == 0:
        stored[rng.choice(("../../kept", "/etc/passwd", "x.pkl", ""))] = stored.pop(name)
    elif kind == 1:
        stored[name]["size"] = rng.choice((-1, 2**62, "9", None, 1.0, True))
    elif kind == 2:
        stored[name] = rng.choice((None, [], "x", 3))
    else:
        stored = rng.choice(([], None, "x", {}))
    (folder / checkpoint.MANIFEST).write_bytes(json.dumps(stored).encode())


def rng_state(folder: Path, rng: random.Random) -> None:
    """A state that no random generator has."""
    wrong = rng.choice((torch.zeros(3, dtype=torch.uint8), torch.zeros(5056), torch.zeros(5056, dtype=torch.int64)))
    reseal(folder, "random.safetensors", tensor_bytes({rng.choice(("generator", "other")): wrong}))


DAMAGES: dict[str, Damage] = {
    f.__name__: f for f in (flip, cut, grow, zero, noise, remove, swap, of_another, link, folder_for_file)
} | {f.__name__: f for f in (header, numbers, deep, manifest, rng_state)}
DAMAGES |= {f.__name__: resealed(f) for f in (with_bad_number, with_wrong_shape, with_another_name)}
