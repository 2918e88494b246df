"""A folder of images is read once, and its packed file is trusted by its checksum alone."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.fewshot import folder, image_pack
from envs.fewshot.pictures import Form, read


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five classes of 1 to 5 pictures of noise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(folder.PLACE, raising=False)
    rng = np.random.default_rng(0)
    for c in range(5):
        (tmp_path / "images" / "abcde"[c]).mkdir(parents=True)
        for i in range(c + 1):
            picture = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
            picture.save(tmp_path / "images" / "abcde"[c] / f"{i}.png")
    return tmp_path / "images"


def test_pictures_are_packed_once_class_by_class(images: Path) -> None:
    told: list[int] = []

    def begin(count: int) -> object:
        told.append(count)
        return told.append

    path = image_pack.packed(images, 32, 3, begin)  # type: ignore[arg-type]
    assert told == [15, 15]
    assert image_pack.packed(images, 32, 3, begin) == path  # type: ignore[arg-type]
    assert len(told) == 2
    packed = image_pack.load(path)
    assert (packed.names, packed.counts, packed.split) == (tuple("abcde"), (1, 2, 3, 4, 5), None)
    assert packed.pixels.shape == (15, 3, 32, 32)
    assert np.array_equal(packed.pixels[4].numpy(), read(images / "c" / "1.png", Form(32, 3)))
    assert [p.suffix for p in path.parent.iterdir()] == [".safetensors"]


def test_another_size_other_channels_or_another_file_is_packed_anew(images: Path) -> None:
    first = image_pack.packed(images, 32, 3)
    assert len({first, image_pack.packed(images, 28, 3), image_pack.packed(images, 32, 1)}) == 3
    digest = image_pack.load(first).digest
    (images / "a" / "0.png").rename(images / "a" / "9.png")
    renamed = image_pack.packed(images, 32, 3)
    assert renamed != first
    assert image_pack.load(renamed).digest == digest  # of what was learned from, whatever its name
    (images / "b").rename(images / "z")
    assert image_pack.load(image_pack.packed(images, 32, 3)).digest != digest


def test_unreadable_pictures_leave_nothing_behind(images: Path) -> None:
    (images / "b" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 picture in .* could not be read, repair or remove: b/1\.png \(not a PNG"):
        image_pack.packed(images, 32, 3)
    assert list((images.parent / "cache" / "metarl" / "images").iterdir()) == []


def test_a_damaged_pack_is_refused(images: Path) -> None:
    path = image_pack.packed(images, 32, 3)
    whole = path.read_bytes()
    cases = {
        whole[:-1] + bytes([whole[-1] ^ 1]): "its checksum differs",
        whole[:-7]: "is damaged, remove it and it is packed again",
        whole.replace(b'\\"counts\\": [1,', b'\\"counts\\": [2,'): r"pixels of shape \[15, 3, 32, 32\] for 5 classes",
        b"": "is damaged",
        b"\xff" * 100: "is damaged",
    }
    for content, sentence in cases.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=sentence):
            image_pack.load(path)


def test_a_cache_that_cannot_be_written_is_a_sentence(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (images.parent / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(images.parent / "file"))
    with pytest.raises(ValueError, match=r"could not be written: .*; XDG_CACHE_HOME names another folder"):
        image_pack.packed(images, 32, 3)


def test_packing_and_loading_hold_no_copy_of_all_pictures(images: Path) -> None:
    """300 pictures of 84 x 84 RGB are 6.4 MB; a batch of 64 is 1.4 MB."""
    picture = (images / "a" / "0.png").read_bytes()
    for i in range(300):
        (images / "a" / f"{i}.png").write_bytes(picture)
    tracemalloc.start()
    try:
        packed = image_pack.load(image_pack.packed(images, 84, 3))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert packed.pixels.nbytes > 6.4e6
    assert peak < 3e6


def test_a_seed_splits_the_classes_by_shares() -> None:
    """Of 100 classes 64, 16 and 20; each class is in each split for some seed; a share of 0 gets none."""
    splits = np.array([folder.split_by_seed(100, (0.64, 0.16, 0.2), seed) for seed in range(60)])
    assert all((np.bincount(split) == [64, 16, 20]).all() for split in splits)
    assert all(set(of_class) == {0, 1, 2} for of_class in splits.T)
    assert sorted(folder.split_by_seed(10, (0.7, 0.0, 0.3), 0)) == [0] * 7 + [2] * 3
    assert folder.split_by_seed(100, (0.64, 0.16, 0.2), 3) == folder.split_by_seed(100, (0.64, 0.16, 0.2), 3)


def test_a_folder_becomes_photos_with_its_own_splits_or_those_of_a_seed(images: Path) -> None:
    photos = folder.load(images, 28, 1, (0.6, 0.2, 0.2), 0)
    photos.check()
    assert photos.counts.tolist() == [1, 2, 3, 4, 5]
    assert sorted(photos.split.tolist()) == [0, 0, 0, 1, 2]
    for name, split in zip("abcde", ("train", "train", "val", "test", "test"), strict=True):
        (images / split).mkdir(exist_ok=True)
        (images / name).rename(images / split / name)
    photos = folder.load(images, 28, 1, (0.6, 0.2, 0.2), 0)
    assert photos.split.tolist() == [0, 0, 1, 2, 2]
    assert photos.names == tuple("abcde")


def test_the_folder_is_named_by_the_environment_or_by_the_config(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="data folder needs a folder of images: give --data DIR"):
        folder.folder_of(None)
    assert folder.folder_of("a") == Path("a")
    monkeypatch.setenv(folder.PLACE, "b")
    assert folder.folder_of("a") == Path("b")
