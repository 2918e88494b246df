"""Omniglot, which is not shipped: its archives are downloaded from their author, checked and packed."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from envs.fewshot import omniglot, omniglot_pack
from envs.fewshot.omniglot_pack import ARCHIVES, Arrays
from metarl.errors import UserError
from metarl.system.files import atomic_file

SOURCE = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
MD5 = {  # from torchvision's Omniglot
    "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
}
MAX_BYTES = 64 * 2**20  # of an archive; chosen: the true ones have 10 and 7 million
BY_HAND = f"download {' and '.join(MD5)} from {SOURCE} by other means, and give their folder with --from"
TIMEOUT = 30.0  # s without a byte


def missing_omniglot(folder: Path) -> list[Path]:
    """The packed files that are missing or damaged in a folder."""
    return [folder / name for name in omniglot.FILES if not omniglot_pack.is_whole(folder / name)]


def make_omniglot(paths: list[Path], given: Path | None, console: Console) -> None:
    """Write packed files from the author's archives, downloaded or, where `given` is a folder, read from it.

    Raises UserError where archives cannot be read, downloaded, verified or packed, or files cannot be written; existing
    files are then as they were.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        archives = {
            part: _checked(name, _read(given, name) if given else _download(name, progress))
            for part, name in ARCHIVES.items()
        }
        packed = _pack(archives, progress)
        files = omniglot_pack.contents(packed)
        for path in paths:
            _write(path, files[path.name])


def _read(folder: Path, name: str) -> bytes:
    if (folder / name).exists() and not (folder / name).is_file():  # a pipe would be waited for
        raise UserError(f"{folder / name} is no plain file; --from wants {' and '.join(MD5)}")
    try:
        with (folder / name).open("rb") as file:
            return _bounded(name, file.read(MAX_BYTES + 1))
    except OSError as error:
        raise UserError(
            f"{folder / name} could not be read: {error.strerror}; --from wants {' and '.join(MD5)}"
        ) from None


def _download(name: str, progress: Progress) -> bytes:
    url = f"{SOURCE}/{name}"
    bar = progress.add_task(name)
    content = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            progress.update(bar, total=int(response.headers.get("Content-Length") or 0) or None)
            while len(content) <= MAX_BYTES and (block := response.read(2**16)):
                content += block
                progress.update(bar, completed=len(content))
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise UserError(f"{url} could not be fetched ({_reason(error)}): {BY_HAND}") from None
    return _bounded(name, bytes(content))


def _reason(error: Exception) -> str:
    """Why a download failed: an HTTP status, a name server's answer, or a network error."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__


def _bounded(name: str, content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise UserError(f"{name} has more than {MAX_BYTES} bytes: it is not the archive of Omniglot")
    return content


def _checked(name: str, content: bytes) -> bytes:
    """The archive, where its checksum is the author's."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != MD5[name]:
        raise UserError(
            f"{name} is cut off or another file: {len(content)} bytes with md5 {digest}, expected {MD5[name]}; "
            "download it again"
        )
    return content


def _pack(archives: dict[str, bytes], progress: Progress) -> Arrays:
    bar = progress.add_task("packing", total=omniglot.CLASSES)
    try:
        return omniglot_pack.pack(archives, lambda classes: progress.advance(bar, classes))
    except ValueError as error:
        raise UserError(f"{error}; nothing was written") from None


def _write(path: Path, arrays: Arrays) -> None:
    try:
        with atomic_file(path) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub takes the first for allow_pickle
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
