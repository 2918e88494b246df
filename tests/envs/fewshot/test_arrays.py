"""Packed files that are not what they seem: refused before their content is unpacked."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from envs.fewshot import omniglot, omniglot_pack
from envs.fewshot.arrays import MOST_DIRECTORY, ArrayFile

SHAPE = (1623, 20, 98)  # images28


def npy(shape: str = str(SHAPE), descr: str = "'|u1'", content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """The file of an array, with a header by hand."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + header + content


def archive(path: Path, member: bytes, method: int = zipfile.ZIP_DEFLATED, repeats: int = 0) -> Path:
    """images28 is `member`, and then so many megabytes of zeros."""
    with zipfile.ZipFile(path, "w", method) as file, file.open("images28.npy", "w", force_zip64=True) as out:
        out.write(member)
        for _ in range(repeats):
            out.write(bytes(2**20))
    return path


@pytest.mark.parametrize(
    ("member", "repeats", "method", "sentence"),
    [
        (npy("(1000000000,)"), 200, zipfile.ZIP_DEFLATED, r"uint8 of shape \(1000000000,\), expected whole"),
        (npy("(1623, 20, 98)", "'<u8'"), 200, zipfile.ZIP_DEFLATED, "as uint64 of shape .*, expected whole"),
        (npy("(1623, 20, 98)"), 200, zipfile.ZIP_DEFLATED, r"is damaged: 'images28' could not be read"),
        (npy("(1623, 20, 98)", "'|S100000'"), 200, zipfile.ZIP_DEFLATED, r"as \|S100000 of shape .*, expected whole"),
        (npy("(1623, 20, 98)"), 200, zipfile.ZIP_BZIP2, "is damaged: 'images28' could not be read"),
        (npy("(1623, 20, 98)"), 200, zipfile.ZIP_LZMA, "is damaged: 'images28' could not be read"),
        (b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little"), 200, zipfile.ZIP_DEFLATED, "could not be read"),
        (npy("(" * 3000 + ")" * 3000), 0, zipfile.ZIP_DEFLATED, "could not be read"),
        (npy("(-1, 20, 98)"), 0, zipfile.ZIP_DEFLATED, "expected whole numbers"),
        (npy(descr="'|O'", content=b"cos\nsystem\n."), 0, zipfile.ZIP_DEFLATED, "could not be read"),
        (npy(content=b"short"), 0, zipfile.ZIP_DEFLATED, "could not be read"),
    ],
)
def test_an_archive_that_unpacks_to_gigabytes_costs_megabytes(
    member: bytes, repeats: int, method: int, sentence: str, tmp_path: Path
) -> None:
    """200 MB of zeros in 0.2 MB, in an array that is announced wrongly, or not as long."""
    path = archive(tmp_path / "omniglot.npz", member, method, repeats)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=sentence):
            omniglot.load(str(path))
        assert not omniglot_pack.is_whole(path)
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()


def test_a_directory_of_many_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "omniglot.npz"
    with zipfile.ZipFile(path, "w") as file:
        for i in range(MOST_DIRECTORY // 40):
            file.writestr(str(i), b"")
    with pytest.raises(ValueError, match="is not a packed Omniglot"):
        omniglot.load(str(path))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_packs_is_read(save: object, tmp_path: Path) -> None:
    """Whole numbers, strings and Fortran order, as they were; also from an archive without its comment or extras."""
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.integers(0, 255, (3, 4, 5), np.uint8),
        "b": np.asfortranarray(rng.normal(size=(2, 3))),
        "names": np.array(["Greek", "Latin"]),
        "one": np.array(7),
        "none": np.zeros((0, 3)),
    }
    content = io.BytesIO()
    save(content, **arrays)  # type: ignore[operator]
    (path := tmp_path / "x.npz").write_bytes(content.getvalue())
    with ArrayFile(path) as file:
        assert file.names == set(arrays)
        for name, array in arrays.items():
            assert np.array_equal(file.read(name), array)
            assert file.header(name)[:2] == (array.shape, array.dtype)
            assert file.read(name).flags.writeable or not array.size


def test_a_fifo_is_no_packed_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "omniglot.npz")
    with pytest.raises(ValueError, match="plain file"), ArrayFile(tmp_path / "omniglot.npz"):
        pass
