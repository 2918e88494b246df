"""Damaged and hostile checkpoints: every one is refused in one sentence, or is what was saved.

    python -m tests.damage 10000

Of two checkpoints the newer is damaged; what is loaded is the older, or the newer just as it was. Prints how often
which damage was refused and how much memory all took; raises AssertionError at the first that came through.
"""

from __future__ import annotations

import collections
import hashlib
import json
import logging
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from agents.learner import Params
from metarl.errors import UserError
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
    """Another content under a manifest that fits it."""

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
    """Lengths, offsets and types that are not so."""
    name = rng.choice(checkpoint.TENSORS)
    content = (folder / name).read_bytes()
    length = int.from_bytes(content[:8], "little")
    told = json.loads(content[8 : 8 + length])
    kind = rng.randrange(5)
    if kind == 0:
        new = rng.choice((2**63, 2**40, 2**20 + 1, length + 1, 0)).to_bytes(8, "little") + content[8:]
    else:
        key = rng.choice([k for k in told if k != "__metadata__"])
        entry = told[key]
        if kind == 1:
            entry["shape"] = rng.choice(([2**40], [-1], [2**31, 2**31, 2**31], "x", [1.5], [[1]]))
        elif kind == 2:
            entry["data_offsets"] = rng.choice(([0, 2**50], [-8, 0], [5, 1], [0], None))
        elif kind == 3:
            entry["dtype"] = rng.choice(("F64", "BOOL", "EVIL", 3, None))
        else:
            told[key] = rng.choice((None, [], "x", {"dtype": "F32"}))
        text = json.dumps(told).encode()
        new = len(text).to_bytes(8, "little") + text + content[8 + length :]
    reseal(folder, name, new)


def numbers(folder: Path, rng: random.Random) -> None:
    """Counts that are none."""
    told = json.loads((folder / "state.json").read_bytes())
    key = rng.choice(("iteration", "env_steps", "seconds"))
    told[key] = rng.choice((-1, 2**70, "3", None, [], {}, True, float("nan"), float("inf"), 1.5, "__import__('os')"))
    if key == "seconds" and isinstance(told[key], int | float) and 0 <= told[key] < float("inf"):
        told[key] = -1.0
    if key == "env_steps" and told[key] == 2**70:
        told[key] = -5
    reseal(folder, "state.json", json.dumps(told).encode())


def deep(folder: Path, rng: random.Random) -> None:
    name = rng.choice(("state.json", checkpoint.MANIFEST))
    text = b"[" * 100_000 if rng.random() < 0.5 else b'{"a":' * 50_000
    if name == checkpoint.MANIFEST:
        (folder / name).write_bytes(text)
    else:
        reseal(folder, name, text)


def manifest(folder: Path, rng: random.Random) -> None:
    """It names other files, or sizes that are none."""
    told = json.loads((folder / checkpoint.MANIFEST).read_bytes())
    name = rng.choice(checkpoint.FILES)
    kind = rng.randrange(4)
    if kind == 0:
        told[rng.choice(("../../kept", "/etc/passwd", "x.pkl", ""))] = told.pop(name)
    elif kind == 1:
        told[name]["size"] = rng.choice((-1, 2**62, "9", None, 1.0, True))
    elif kind == 2:
        told[name] = rng.choice((None, [], "x", 3))
    else:
        told = rng.choice(([], None, "x", {}))
    (folder / checkpoint.MANIFEST).write_bytes(json.dumps(told).encode())


def rng_state(folder: Path, rng: random.Random) -> None:
    """A random state that is none."""
    from safetensors.torch import save

    wrong = rng.choice((torch.zeros(3, dtype=torch.uint8), torch.zeros(5056), torch.zeros(5056, dtype=torch.int64)))
    reseal(folder, "random.safetensors", save({rng.choice(("generator", "other")): wrong}))


DAMAGES: dict[str, Damage] = {
    f.__name__: f for f in (flip, cut, grow, zero, noise, remove, swap, of_another, link, folder_for_file)
} | {f.__name__: f for f in (header, numbers, deep, manifest, rng_state)}
DAMAGES |= {f.__name__: resealed(f) for f in (with_bad_number, with_wrong_shape, with_another_name)}


def same(a: checkpoint.State, b: checkpoint.State) -> bool:
    tensors = all(
        x.keys() == y.keys() and all(torch.equal(v, y[k]) for k, v in x.items())
        for x, y in ((a.theta, b.theta), (a.outer, b.outer))
    )
    return tensors and a[:3] == b[:3] and torch.equal(a.generator.get_state(), b.generator.get_state())


def _loaded(path: Path, like: Params) -> tuple[checkpoint.State | None, str]:
    """What is in it, or why it is refused."""
    try:
        return checkpoint.load(path, like), ""
    except UserError as error:
        return None, str(error)


def main(count: int, seed: int = 0) -> collections.Counter[str]:
    """Try so many damages; how often each was refused."""
    logger = logging.getLogger("metarl.runs.checkpoint")
    level = logger.level
    logger.setLevel(logging.ERROR)  # each is warned about
    rng, base = random.Random(seed), Path(tempfile.mkdtemp())
    folder, like = base / "checkpoints", state(0).theta
    older, newer = state(1), state(2)
    refused: collections.Counter[str] = collections.Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        checkpoint.save(folder, older)
        for i in range(count):
            path = checkpoint.save(folder, newer)
            name = list(DAMAGES)[i % len(DAMAGES)]
            DAMAGES[name](path, rng)
            came, said = _loaded(path, like)
            if came is None:
                assert "\n" not in said, f"{name}: {said}"
                assert str(path) in said
                refused[name] += 1
                assert same(checkpoint.load_newest(folder, like), older), name
            else:
                assert same(came, newer), f"{name} came through"
            shutil.rmtree(path)
    finally:
        logger.setLevel(level)
        shutil.rmtree(base)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{count} damaged, {refused.total()} refused, the others as they were saved; {grown:.0f} MB more memory")
    print(dict(refused))
    assert grown < 100
    return refused


if __name__ == "__main__":
    main(int(sys.argv[1]))
