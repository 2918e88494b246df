"""Atomic writes leave a complete file or none; files of unknown origin are read within limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from metarl.system.files import atomic_file, atomic_path, atomic_write, read_regular_file
from metarl.system.strict_json import parse_json


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, "first")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"second")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert path.read_text() == "first"
    atomic_write(path, "second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_only_regular_files_within_a_size_are_read(tmp_path: Path) -> None:
    path, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    path.write_bytes(b"12345")
    link.symlink_to(path)
    os.mkfifo(pipe)
    assert read_regular_file(path, 5) == b"12345"
    with pytest.raises(ValueError, match="at most 4 bytes"):
        read_regular_file(path, 4)
    for other in (link, tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
            read_regular_file(other, 100)
    with pytest.raises(ValueError, match="not a regular file"):
        read_regular_file(pipe, 100)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\uDFFF": 1}', '["\\ud83d", "\\ude00"]'])
def test_half_a_character_is_no_json(text: str) -> None:
    """It could neither be written nor printed; both halves together are one character."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        parse_json(text)
    assert parse_json('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "ä" * 125 + ".png"])
def test_names_may_be_as_long_as_the_system_takes_them(name: str, tmp_path: Path) -> None:
    """255 bytes; the name while it is written is no longer."""
    with atomic_file(tmp_path / name) as file:
        file.write(b"picture")
    with atomic_path(tmp_path / name) as path:
        assert path.suffix == ".png"
    assert [p.name for p in tmp_path.iterdir()] == [name]
