"""Arrays of a packed file (npz) that a stranger may have made: nothing is read that its header does not announce.

A megabyte of npz can unpack to gigabytes. Here the directory of the archive and the header of an array are read first,
and of the array no more than the bytes that its expected shape has.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any, NamedTuple, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MOST_BYTES = 64 * 2**20  # of the file; chosen: Omniglot with large images has 51 million when it is not compressed
MOST_DIRECTORY = 2**16  # bytes of the archive's directory; chosen: thirteen arrays need 1,000
_END, _ZIP64 = b"PK\x05\x06", b"PK\x06\x07"  # the record at the end of an archive, and what precedes that of large ones


class Header(NamedTuple):
    """What an array says of itself before its content."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """A context manager over an npz file. Every method may raise any of the errors of `zipfile` and numpy."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        if not self.path.is_file() or self.path.stat().st_size > MOST_BYTES:
            raise ValueError(f"expected a plain file of at most {MOST_BYTES} bytes")
        with self.path.open("rb") as file:
            _check_end(file)
        self._zip = ZipFile(self.path)
        self.names = {n.removesuffix(".npy") for n in self._zip.namelist() if n.endswith(".npy")}
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def header(self, name: str) -> Header:
        """Shape and type of an array, of which nothing else is read."""
        with self._open(name) as member:
            return _header(member)

    def read(self, name: str) -> NDArray[Any]:
        """An array, after its header was found to be as expected: the caller says that memory suffices."""
        with self._open(name) as member:
            header = _header(member)
            content = bytearray(member.read(header.bytes))
            if len(content) != header.bytes or member.read(1):
                raise ValueError("another length than its header says")
        flat = np.frombuffer(content, header.dtype)
        return flat.reshape(header.shape[::-1]).T if header.is_fortran else flat.reshape(header.shape)

    def _open(self, name: str) -> IO[bytes]:
        info = self._zip.getinfo(f"{name}.npy")
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others unpack whole blocks at once
            raise ValueError("packed in another way than by numpy")
        return self._zip.open(info)


def _check_end(file: IO[bytes]) -> None:
    """The archive ends with a record that gives the size of its directory."""
    file.seek(-min(file.seek(0, 2), 42), 2)
    end = file.read()
    if end[-22:-18] != _END or end[-42:-38] == _ZIP64 or int.from_bytes(end[-10:-6], "little") > MOST_DIRECTORY:
        raise ValueError("another ending than that of an archive by numpy")


def _header(member: IO[bytes]) -> Header:
    if npy.read_magic(member) != (1, 0):  # later versions allow headers of 4 GB
        raise ValueError("another version of numpy's format than 1.0")
    shape, is_fortran, dtype = npy.read_array_header_1_0(member)
    if dtype.hasobject:
        raise ValueError("objects of Python, which are not read")
    return Header(shape, dtype, is_fortran)
