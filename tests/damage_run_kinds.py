"""Kinds of damage to a run folder: what stands in place of a file, what a file says, and what lies beside it."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import damage_kinds

Damage = Callable[[Path, Path, random.Random], None]
"""(run folder, folder outside, random numbers): damages the run."""

NUMBERS = (
    "1" * 401,
    "-" + "9" * 401,
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "1e308",
    "-1",
    "0",
    "2.5",
    str(2**63),
    "1e5",
)
OTHERS = (
    "null",
    "true",
    '"x"',
    '"' + "y" * 5000 + '"',
    "[]",
    "{}",
    "[[1]]",
    '{"a": 1}',
    '"\\u0000\\u001b[31m"',
    "[" * 3000,
)
ODD = (
    "iteration_my_thesis",
    "iteration_99999999999",
    "iteration_1",
    "iteration_٠٠٠٠٠٠٩",
    "iteration_0000009",
    "iteration_",
)
LEFT = (
    ".iteration_0000009.1.tmp",
    ".iteration_0000009.0123456789abcdef.old.tmp",
    ".metrics.jsonl.tmp",
    ".metrics.jsonl.1.tmp",
)


def _files(run: Path) -> list[Path]:
    """Every file of a run, and those that it may have."""
    there = sorted(p for p in run.rglob("*") if not p.is_dir() or p.is_symlink())
    names = ("lock", "diverged.txt", "broke_down.txt", "diverged.jsonl", "log.txt", "place.json", "adaptation_test.png")
    more = ("evaluation_test_x.json", "training.png", "adaptation.png")
    return there + [run / name for name in (*names, *more) if not (run / name).exists()]


def _is_small(status: os.stat_result) -> bool:
    return status.st_size < 2**20 and status.st_nlink == 1


def _plain(run: Path) -> list[Path]:
    """Those that are regular files of a moderate size and one name, or are not there."""
    small = [p for p in _files(run) if p.is_file() and not p.is_symlink() and _is_small(p.stat())]
    return small + [p for p in _files(run) if not os.path.lexists(p)]


def _folders(run: Path) -> list[Path]:
    checkpoints = sorted((run / "checkpoints").glob("iteration_*"))
    return [run / name for name in ("checkpoints", "skipped", "videos")] + checkpoints


def _clear(path: Path) -> Path:
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def _targets(outside: Path) -> list[Path]:
    return [p for p in sorted(outside.rglob("*")) if not p.is_fifo()]


def file_as_link(run: Path, outside: Path, rng: random.Random) -> None:
    path = _clear(rng.choice(_files(run)))
    same = [p for p in _targets(outside) if p.name == path.name] or _targets(outside)
    others = (outside / "new", path, Path("/dev/zero"), Path("/proc/self/mem"), Path("/"))
    target = rng.choice(same) if rng.random() < 0.7 else rng.choice(others)
    path.symlink_to(os.path.relpath(target, path.parent) if rng.random() < 0.5 else target)


def folder_as_link(run: Path, outside: Path, rng: random.Random) -> None:
    path = _clear(rng.choice(_folders(run)))
    inside = [p for p in _targets(outside) if p.is_dir() and p.name[:4] == path.name[:4]]
    path.symlink_to(rng.choice([*inside, outside, outside / "new"]))


def run_as_link(run: Path, outside: Path, rng: random.Random) -> None:
    _clear(run).symlink_to(outside / "run")


def hard_link(run: Path, outside: Path, rng: random.Random) -> None:
    path = _clear(rng.choice(_files(run)))
    same = [p for p in _targets(outside) if p.is_file()]
    os.link(rng.choice([p for p in same if p.name == path.name] or same), path, follow_symlinks=False)


def pipe(run: Path, outside: Path, rng: random.Random) -> None:
    os.mkfifo(_clear(rng.choice(_files(run) + _folders(run))))


def device(run: Path, outside: Path, rng: random.Random) -> None:
    """An endless file, where one may be made."""
    path = _clear(rng.choice(_files(run) + _folders(run)))
    try:
        os.mknod(path, 0o20666, os.makedev(1, rng.choice((3, 5, 9))))
    except PermissionError:
        path.symlink_to("/dev/zero")


def unix_socket(run: Path, outside: Path, rng: random.Random) -> None:
    path = _clear(rng.choice(_files(run)))
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


def folder_in_place_of_a_file(run: Path, outside: Path, rng: random.Random) -> None:
    path = _clear(rng.choice(_files(run)))
    path.mkdir()
    if rng.random() < 0.5:
        (path / "x").write_text("x")


def file_in_place_of_a_folder(run: Path, outside: Path, rng: random.Random) -> None:
    _clear(rng.choice(_folders(run))).write_bytes(rng.randbytes(rng.choice((0, 100))))


def huge(run: Path, outside: Path, rng: random.Random) -> None:
    """A file of a terabyte of zeros that takes no room, alone or behind what was there."""
    path = rng.choice(_plain(run))
    if rng.random() < 0.5:
        _clear(path).touch()
    with path.open("ab") as file:
        file.truncate(rng.choice((2**20, 2**26 - 5, 2**30, 2**40)))


def content(run: Path, outside: Path, rng: random.Random) -> None:
    path = rng.choice(_plain(run))
    old = path.read_bytes() if path.exists() else b""
    cut = rng.randrange(len(old) + 1)
    flipped = bytes(b ^ (rng.random() < 0.01) for b in old)
    deep = b"[" * 100_000 if rng.random() < 0.5 else b'{"a":' * 50_000
    noise = rng.randbytes(rng.randint(1, 3000))
    path.write_bytes(
        rng.choice((b"", old[:cut], old[cut:], flipped, deep, noise, b"\xff\xfe" + old, bytes(3000), old + old))
    )


def missing(run: Path, outside: Path, rng: random.Random) -> None:
    _clear(rng.choice(_files(run) + _folders(run)))


def text_of(value: Any, rng: random.Random, chance: float) -> str:
    """JSON in which some values are others, some keys twice, or gone, and some lists longer or shorter."""
    if rng.random() < chance:
        return rng.choice(NUMBERS + OTHERS)
    if isinstance(value, dict):
        pairs = [f"{json.dumps(k)}: {text_of(v, rng, chance)}" for k, v in value.items() if rng.random() > chance / 2]
        pairs += rng.sample(pairs, 1) if pairs and rng.random() < chance else []
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        items = [text_of(v, rng, chance / 4) for v in value]
        items = items[:-1] if rng.random() < chance else items * 2 if rng.random() < chance else items
        return "[" + ", ".join(items) + "]"
    return json.dumps(value)


def json_values(run: Path, outside: Path, rng: random.Random) -> None:
    """What the JSON files of a run say; a checkpoint's with a manifest that fits."""
    path = rng.choice([p for p in _plain(run) if p.suffix in (".json", ".jsonl")])
    chance = rng.choice((0.05, 0.2, 0.5))
    try:
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        text = "\n".join(text_of(json.loads(line), rng, chance) if rng.random() < 0.7 else line for line in lines)
    except (ValueError, OSError):
        return
    if path.name == "state.json" and (path.parent / "manifest.json").is_file() and rng.random() < 0.8:
        try:
            damage_kinds.reseal(path.parent, path.name, text.encode())
        except (ValueError, TypeError, OSError):
            path.write_text(text)
        return
    path.write_text(text)


def in_a_checkpoint(run: Path, outside: Path, rng: random.Random) -> None:
    """What a checkpoint says of itself: lengths, shapes, offsets, types, sizes."""
    kinds = (
        "flip",
        "cut",
        "grow",
        "zero",
        "noise",
        "remove",
        "swap",
        "header",
        "numbers",
        "deep",
        "manifest",
        "rng_state",
    )
    for folder in sorted((run / "checkpoints").glob("iteration_000000?"))[rng.randrange(2) :]:
        try:
            damage_kinds.DAMAGES[rng.choice(kinds)](folder, rng)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, UnicodeError):
            continue  # another damage was there before


def stray(run: Path, outside: Path, rng: random.Random) -> None:
    """Names that are nearly those of ours, and leftovers of a process that was killed, as links, folders and pipes."""
    where = rng.choice((run / "checkpoints", run))
    if not where.is_dir() or where.is_symlink():
        return
    for name in rng.sample(ODD + LEFT, 3):
        path = _clear(where / name)
        kind = rng.randrange(4)
        if kind == 0:
            path.symlink_to(rng.choice(_targets(outside)))
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            path.mkdir()
            (path / "state.json").write_text('{"iteration": 9, "env_steps": 1, "seconds": 1.0, "score": 1e300}')
        else:
            path.write_text("x")


def odd_names(run: Path, outside: Path, rng: random.Random) -> None:
    for name in rng.sample(
        ("evaluation_test_\n.json", "evaluation_test_\x1b[31m.json", "evaluation_test_[bold].json", "z" * 255), 2
    ):
        (run / name).write_text(rng.choice(("{}", "[", "null")))


def no_rights(run: Path, outside: Path, rng: random.Random) -> None:
    """Not for root, who may do everything."""
    path = rng.choice([p for p in _files(run) + _folders(run) if p.exists() and not p.is_symlink()])
    path.chmod(0)


ALL = (
    *(file_as_link, folder_as_link, hard_link, pipe, device, unix_socket, folder_in_place_of_a_file),
    *(file_in_place_of_a_folder, huge, content, missing, json_values, in_a_checkpoint, stray, odd_names, no_rights),
    run_as_link,
)
DAMAGES: dict[str, Damage] = {f.__name__: f for f in ALL}
