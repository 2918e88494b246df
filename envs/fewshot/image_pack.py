"""A folder of pictures, read once and packed into one file of the user's cache.

The file is of the format safetensors: a header of JSON, then the pixels of all pictures, class by class. It is written
picture by picture and mapped into memory, not loaded: training touches what it draws, and several processes share it.

Axes: `M` pictures of all classes, `C` classes, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from envs.fewshot.image_folders import Found, find
from envs.fewshot.omniglot import cache_folder
from envs.fewshot.pictures import Form, read_all

VERSION = 1  # of the packed file, and of how pictures are read
NO_DIGEST = "0" * 64


class Packed(NamedTuple):
    """A packed folder."""

    pixels: Tensor  # [M, c, H, H] uint8, mapped
    counts: tuple[int, ...]  # pictures of each class
    names: tuple[str, ...]  # [C]
    split: tuple[int, ...] | None  # [C] index into SPLITS, where the folder decides
    digest: str  # SHA-256 of all of it


def place_of(found: Found, size: int, channels: int) -> Path:
    """The packed file of a folder as it is now, whether or not it is there."""
    key = hashlib.sha256(json.dumps([VERSION, found.fingerprint(), size, channels]).encode()).hexdigest()
    return cache_folder() / "images" / f"{key[:32]}.safetensors"


def packed(folder: Path, size: int, channels: int, begin: Callable[[int], Callable[[int], None]] | None = None) -> Path:
    """The packed file of a folder, made where it is missing.

    begin: is told how many pictures there are to read, and gives what is told how many more were read.

    Raises ValueError, in one sentence, for what is no folder of classes, for pictures that cannot be read, and where
    the file cannot be written.
    """
    found = find(folder)
    path = place_of(found, size, channels)
    if not path.is_file():
        try:
            _write(path, found, Form(size, channels), begin(len(found.paths)) if begin else lambda _: None)
        except OSError as error:
            raise ValueError(
                f"{path} could not be written: {error.strerror}; XDG_CACHE_HOME names another folder"
            ) from None
    return path


def _write(path: Path, found: Found, form: Form, advance: Callable[[int], None]) -> None:
    """Atomically, with the digest filled in at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = hashlib.sha256(_told(found).encode())
            file.write(_header(found, form, NO_DIGEST))
            for pixels in read_all(found.paths, form, found.root, advance):
                content = pixels.tobytes()
                digest.update(content)
                file.write(content)
            file.seek(0)
            file.write(_header(found, form, digest.hexdigest()))
            _sync(file)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _told(found: Found) -> str:
    """What the file says of its classes, as JSON."""
    counts = [len(files) for files in found.files]
    return json.dumps({"names": found.names, "counts": counts, "split": found.split})


def _header(found: Found, form: Form, digest: str) -> bytes:
    shape = [len(found.paths), form.channels, form.size, form.size]
    length = shape[0] * shape[1] * shape[2] * shape[3]
    header = {
        "__metadata__": {"classes": _told(found), "digest": digest},
        "pixels": {"dtype": "U8", "shape": shape, "data_offsets": [0, length]},
    }
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % 8)  # the pixels begin at a multiple of 8 bytes
    return len(content).to_bytes(8, "little") + content


def load(path: Path) -> Packed:
    """A packed file, its digest checked once in a process. Raises ValueError, in one sentence, for a damaged one."""
    state = path.stat()
    return _load(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)  # an evaluation asks for it several times
def _load(path: Path, mtime: int, size: int) -> Packed:
    try:
        return _checked(path)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, remove it and it is packed again ({error})") from None


def _checked(path: Path) -> Packed:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        told = json.loads(metadata["classes"])
        names, counts, split = tuple(told["names"]), tuple(told["counts"]), told["split"]
        shape = file.get_slice("pixels").get_shape()
        if len(names) != len(counts) or len(shape) != 4 or sum(counts) != shape[0] or min(counts) < 1:
            raise ValueError(f"pixels of shape {shape} for {len(names)} classes")
        pixels = file.get_tensor("pixels")
    if pixels.dtype != torch.uint8:
        raise ValueError(f"pixels of {pixels.dtype}")
    digest = hashlib.sha256(metadata["classes"].encode())
    digest.update(memoryview(pixels.numpy()))
    if digest.hexdigest() != metadata["digest"]:
        raise ValueError("its checksum differs")
    return Packed(pixels, counts, names, None if split is None else tuple(split), metadata["digest"])
