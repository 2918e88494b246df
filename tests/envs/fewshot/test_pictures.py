"""Anybody's pictures become square ones; what is not what it seems is refused before it is unpacked."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.fewshot.pictures import Form, convert, from_array, read, read_all

GREY, RGB = Form(28, 1), Form(28, 3)
RED = np.full((20, 20, 3), (255, 0, 0), np.uint8)


def saved(path: Path, picture: np.ndarray, **options: object) -> Path:
    Image.fromarray(picture).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.jpg", "a.jpeg", "a.webp"])
def test_each_format_is_read_in_grey_and_in_colour(name: str, tmp_path: Path) -> None:
    """Red is 0.299 * 255 = 76 in grey (ITU-R 601); JPEG and WebP are near it."""
    path = saved(tmp_path / name, RED)
    assert read(path, GREY).shape == (1, 28, 28)
    assert np.abs(read(path, GREY).astype(int) - 76).max() <= 3
    assert np.abs(read(path, RGB).astype(int) - np.array([255, 0, 0])[:, None, None]).max() <= 5


def test_the_central_square_is_taken() -> None:
    """Of 30 x 90 pixels columns 30 to 59; of 90 x 30 the same rows."""
    wide = np.zeros((30, 90), np.uint8)
    wide[:, 30:60] = 200
    for picture in (wide, wide.T):
        assert (convert(Image.fromarray(np.ascontiguousarray(picture)), GREY) == 200).all()


def test_pictures_of_the_size_already_keep_every_pixel() -> None:
    x = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    assert np.array_equal(convert(Image.fromarray(x), RGB), x.transpose(2, 0, 1))
    assert np.array_equal(convert(Image.fromarray(x), Form(28, 3, inverted=True)), 255 - x.transpose(2, 0, 1))


def test_smaller_pictures_are_averages_or_the_pixel_in_the_middle() -> None:
    """Stripes of one pixel, 84 -> 28: the average of 0 and 255 lies between, the middle one of three is either."""
    stripes = np.tile(np.array([0, 255], np.uint8), (84, 42))
    averaged = convert(Image.fromarray(stripes), GREY)
    assert averaged.min() > 60
    assert averaged.max() < 200
    assert set(convert(Image.fromarray(stripes), Form(28, 1, how="area")).flat) <= {85, 170}
    assert np.array_equal(convert(Image.fromarray(stripes), Form(28, 1, how="nearest"))[0], stripes[1::3, 1::3])


def test_transparency_is_white_sixteen_bits_are_eight_and_cameras_are_turned(tmp_path: Path) -> None:
    clear = np.zeros((9, 9, 4), np.uint8)
    assert (read(saved(tmp_path / "clear.png", clear), GREY) == 255).all()
    palette = Image.new("P", (9, 9), 0)
    palette.info["transparency"] = 0
    palette.save(tmp_path / "palette.png")
    assert (read(tmp_path / "palette.png", GREY) == 255).all()
    deep = saved(tmp_path / "deep.png", np.full((9, 9), 257 * 100, np.uint16))
    assert (read(deep, GREY) == 100).all()
    half = np.zeros((28, 28), np.uint8)
    half[:, :14] = 255  # left; turned by 90 degrees clockwise it is on top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(half).save(tmp_path / "camera.png", exif=exif)
    assert np.array_equal(read(tmp_path / "camera.png", GREY)[0], np.rot90(half, -1))
    Image.new("CMYK", (9, 9), (0, 0, 0, 0)).save(tmp_path / "print.jpg")
    assert read(tmp_path / "print.jpg", RGB).min() > 250


def bomb(path: Path, side: int) -> Path:
    """A PNG of side x side grey pixels in some kilobytes."""
    row = zlib.compress(bytes(2**24), 9)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", row) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [7_072, 20_000, 2**31 - 1])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(side: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than 50,000,000 pixels"):
        read(bomb(tmp_path / "bomb.png", side), GREY)


def test_what_is_no_picture_is_refused_with_a_reason(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).read_bytes()
    contents = {
        "cut.png": (whole[: len(whole) // 2], "damaged: "),
        "empty.png": (b"", "not a PNG file, as its name says"),
        "other.jpg": (whole, "not a JPEG file, as its name says"),
        "text.webp": (b"hello", "not a WEBP file, as its name says"),
        "whole.gif": (whole, "expected a name that ends in .png, .jpg, .jpeg or .webp"),
    }
    for name, (content, reason) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=reason):
            read(tmp_path / name, GREY)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match="not a regular file"):
        read(tmp_path / "folder.png", GREY)


def test_noise_in_a_picture_gives_a_picture_or_a_reason(tmp_path: Path) -> None:
    """Two hundred files with three wrong bytes each."""
    rng = np.random.default_rng(0)
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")):
        content = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8)).save(content, kind)
        for _ in range(70):
            damaged = bytearray(content.getvalue())
            for at in rng.integers(0, len(damaged), 3):
                damaged[at] = rng.integers(0, 256)
            path = tmp_path / f"x.{suffix}"
            path.write_bytes(damaged)
            with suppress(ValueError):
                assert read(path, RGB).shape == (3, 28, 28)


def test_unreadable_files_are_named_in_one_sentence_after_all_were_tried(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{i}.png", RED) for i in range(5)]
    for i in (0, 1, 2, 3):
        paths[i].write_bytes(b"")
    counted: list[int] = []
    with pytest.raises(ValueError, match=r"4 pictures in .*: 0\.png \(not a PNG .*1\.png .*2\.png \(.*\) and 1 more$"):
        list(read_all(paths, GREY, tmp_path, counted.append))
    assert counted == [5]
    assert [p.shape for p in read_all(paths[4:], GREY, tmp_path)] == [(1, 28, 28)]


def test_arrays_are_pictures_as_a_viewer_shows_them() -> None:
    x = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    for array in (x, x[..., None], x / 255, np.stack([x] * 3, -1), np.stack([x] * 3 + [np.full_like(x, 255)], -1)):
        assert np.array_equal(convert(from_array(array), GREY)[0], x)
    assert np.array_equal(convert(from_array(x > 127), GREY)[0], 255 * (x > 127))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((3, 28, 28)), r"shape \[3, 28, 28\], expected \[height, width\] or"),
        (np.zeros(5), r"shape \[5\], expected"),
        (np.zeros((0, 4)), r"shape \[0, 4\], expected"),
        (np.full((4, 4), 200.0), "outside of 0, black, to 1: divide them by 255"),
        (np.full((4, 4), np.nan), "outside of 0, black, to 1"),
        (np.zeros((4, 4), np.int64), "picture of int64, expected uint8"),
        (np.zeros((4, 4), object), "picture of object, expected uint8"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        from_array(array)
