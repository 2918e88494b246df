"""The usual layouts of folders are read the same way, and nothing outside of them is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envs.fewshot.image_folders import find


def filled(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def shown(root: Path) -> dict[str, tuple[int | None, list[str]]]:
    """Class -> its split and its files."""
    found = find(root)
    splits = found.split or (None,) * len(found.names)
    files = [[str(path.relative_to(found.root)) for path in paths] for paths in found.files]
    return dict(zip(found.names, zip(splits, files, strict=True), strict=True))


def test_one_folder_a_class(tmp_path: Path) -> None:
    """What file managers leave behind, and what lies beside the classes, is no class."""
    root = filled(
        tmp_path, "dog/b.png", "dog/a.JPG", "cat/1.webp", "cat/.DS_Store", "dog/Thumbs.db", ".git/x", "README"
    )
    assert shown(root) == {"cat": (None, ["cat/1.webp"]), "dog": (None, ["dog/a.JPG", "dog/b.png"])}


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_folders_of_splits(validation: str, tmp_path: Path) -> None:
    root = filled(tmp_path, "train/a/1.png", "train/b/1.png", f"{validation}/c/1.png", "test/d/1.png")
    assert {name: split for name, (split, _) in shown(root).items()} == {"a": 0, "b": 0, "c": 1, "d": 2}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert list(shown(filled(tmp_path, "train/1.png", "car/1.png"))) == ["car", "train"]


def test_mini_imagenet_has_one_folder_of_images_and_tables(tmp_path: Path) -> None:
    root = filled(tmp_path, "images/n1_1.jpg", "images/n1_2.jpg", "images/n2_1.jpg")
    (root / "train.csv").write_text("filename,label\nn1_2.jpg,n1\nn1_1.jpg,n1\n")
    (root / "test.csv").write_text("filename,label\nn2_1.jpg,n2\n")
    assert shown(root) == {"n1": (0, ["images/n1_1.jpg", "images/n1_2.jpg"]), "n2": (2, ["images/n2_1.jpg"])}
    (root / "images" / "n2").mkdir()
    (root / "images" / "n2_1.jpg").rename(root / "images" / "n2" / "n2_1.jpg")  # in folders of classes
    assert shown(root)["n2"] == (2, ["images/n2/n2_1.jpg"])


def test_cifar_fs_has_lists_of_classes(tmp_path: Path) -> None:
    root = filled(tmp_path, "data/apple/1.png", "data/bee/1.png", "data/cup/1.png", "data/left_out/1.png")
    lists = root / "splits" / "bertinetto"
    lists.mkdir(parents=True)
    for split, name in (("train", "apple"), ("val", "bee"), ("test", "cup")):
        (lists / f"{split}.txt").write_text(f"{name}\n")
    assert shown(root) == {
        "apple": (0, ["data/apple/1.png"]),
        "bee": (1, ["data/bee/1.png"]),
        "cup": (2, ["data/cup/1.png"]),
    }


def test_cub_has_its_classes_in_images(tmp_path: Path) -> None:
    root = filled(tmp_path, "images/001.Albatross/1.jpg", "images/002.Auk/1.jpg", "parts/parts.txt", "classes.txt")
    assert list(shown(root)) == ["001.Albatross", "002.Auk"]


@pytest.mark.parametrize(
    ("names", "table", "sentence"),
    [
        (["a.png"], None, "holds 0 folders, expected one folder of images for each class"),
        (["a/1.png", "b/notes.txt"], None, r"b/notes\.txt is no picture: a folder of pictures holds nothing but PNG"),
        (["a/1.png", "b/c/1.png"], None, "b/c is no picture"),
        (["a/1.png", "b/.hidden"], None, "b holds no pictures: remove it, or fill it"),
        (["train/a/1.png", "test/b/1.png", "more/c/1.png"], None, "holds train/ and also more/"),
        (["train/a/1.png", "val/b/1.png"], None, "holds no classes to test on"),
        (["train/a/1.png", "test/a/1.png"], None, "holds the class 'a' in two splits"),
        (["a/1.png"], "filename,label\n../../secret.png,a\n", r"row '\.\./\.\./secret\.png,a', expected a file's name"),
        (["a/1.png"], "filename,label\n/etc/hostname,a\n", "holds the row '/etc/hostname,a', expected a file's name"),
        (["a/1.png"], "filename,label\n1.png\n", "holds the row '1.png', expected a file's name and its class"),
        (["a/1.png"], "filename,label\n2.png,a\n", r"names '2\.png', which is not in"),
        (["a/1.png"], "..\n", r"names '\.\.', expected columns filename,label, or a folder of images a line"),
        (["a/1.png"], "nowhere\n", "names 'nowhere', expected columns filename,label"),
        (["a/1.png"], "\xff", "names 'ÿ', expected"),
    ],
)
def test_what_is_no_folder_of_classes_is_refused(
    names: list[str], table: str | None, sentence: str, tmp_path: Path
) -> None:
    root = filled(tmp_path, *names)
    if table is not None:
        (root / "train.csv").write_text(table, encoding="utf-8")
        (root / "test.csv").write_text("a\n")
    with pytest.raises(ValueError, match=sentence):
        find(root)


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Links of files, of classes and of tables; within the folder they may lead anywhere."""
    outside = filled(tmp_path / "outside", "secret.png", "class/1.png", "train.csv")
    root = filled(tmp_path / "root", "a/1.png", "b/1.png")
    (root / "b" / "2.png").symlink_to("1.png")
    assert shown(root)["b"][1] == ["b/1.png", "b/2.png"]
    for link, target in (("a/2.png", "secret.png"), ("c", "class"), ("train.csv", "train.csv")):
        (root / "test.csv").write_text("a\n")
        (root / link).symlink_to(outside / target)
        with pytest.raises(ValueError, match="is a link that leads out of"):
            find(root)
        os.unlink(root / link)
        (root / "test.csv").unlink()


def test_a_fingerprint_changes_with_every_file(tmp_path: Path) -> None:
    root = filled(tmp_path, "a/1.png", "b/1.png")
    seen = {find(root).fingerprint()}
    assert find(root).fingerprint() in seen
    (root / "a" / "1.png").write_bytes(b"x")
    seen.add(find(root).fingerprint())
    os.utime(root / "a" / "1.png", (1, 1))
    seen.add(find(root).fingerprint())
    (root / "a" / "1.png").rename(root / "a" / "2.png")
    seen.add(find(root).fingerprint())
    filled(root, "b/2.png")
    seen.add(find(root).fingerprint())
    assert len(seen) == 5
