"""Where the pictures of each class lie in a folder, and which classes are for training.

    DIR/cat/1.jpg                        one folder a class, split by a seed
    DIR/train/cat/1.jpg                  beside val/ and test/
    DIR/train.csv, DIR/images/1.jpg      tables of `filename,label` (miniImageNet), or lists of classes, one a line
                                         (CIFAR-FS: splits/bertinetto/train.txt and data/cat/1.png)

Classes may also lie in DIR/images or DIR/data (CUB). Names with a dot at the front are left out. Links lead nowhere
outside of DIR.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from envs.fewshot.images import SPLITS
from envs.fewshot.pictures import FORMATS

SPLIT_NAMES = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
INNER = ("images", "data")  # folders that may hold the classes
TABLE_FOLDERS = ("", "split", "splits", "splits/bertinetto")
MOST_TABLE = 64 * 2**20  # bytes; chosen
LEFT_BEHIND = ("thumbs.db", "desktop.ini")  # by file managers


class Found(NamedTuple):
    """Classes in the order of their names, split by split."""

    root: Path
    names: tuple[str, ...]
    files: tuple[tuple[Path, ...], ...]  # of each class
    split: tuple[int, ...] | None  # index into SPLITS of each class; None where a seed decides

    @property
    def paths(self) -> list[Path]:
        """All pictures, class by class."""
        return [path for files in self.files for path in files]

    def fingerprint(self) -> str:
        """Changes when a file is added, removed, renamed or written to."""
        states = ((path, path.stat()) for path in self.paths)
        listed = [[str(path.relative_to(self.root)), state.st_size, state.st_mtime_ns] for path, state in states]
        told = json.dumps([self.names, self.split, [len(files) for files in self.files], listed])
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()


def find(folder: Path) -> Found:
    """The classes of a folder. Raises ValueError, in one sentence, for what is no folder of classes."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give one that holds a folder of images for each class")
    root = folder.resolve()
    if tables := _tables(root):
        return _sorted(root, [entry for split, table in tables.items() for entry in _of_table(root, table, split)])
    inside = {path.name: path for path in _folders(root, root)}
    if "train" in inside and len(SPLIT_NAMES.keys() & inside.keys()) > 1:
        if strange := sorted(inside.keys() - SPLIT_NAMES.keys()):
            raise ValueError(f"{root} holds train/ and also {strange[0]}/: expected train/, val/ and test/ alone")
        named = [(SPLIT_NAMES[name], path) for name, path in inside.items()]
        return _sorted(
            root, [(split, c.name, pictures_in(c, root)) for split, path in named for c in _folders(path, root)]
        )
    inner = next((inside[n] for n in INNER if n in inside and _folders(inside[n], root)), root)
    classes = _folders(inner, root)
    if len(classes) < 2:
        raise ValueError(f"{inner} holds {len(classes)} folders, expected one folder of images for each class")
    return Found(root, tuple(c.name for c in classes), tuple(pictures_in(c, root) for c in classes), None)


Entry = tuple[int, str, tuple[Path, ...]]
"""(split, name, pictures) of a class."""


def _sorted(root: Path, entries: list[Entry]) -> Found:
    """Raises ValueError unless there are classes to train and to test on, none of them in two splits."""
    entries.sort(key=lambda entry: entry[:2])
    splits, names, files = zip(*entries, strict=True) if entries else ((), (), ())
    for needed in (0, 2):
        if needed not in splits:
            raise ValueError(f"{root} holds no classes to {SPLITS[needed]} on")
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{root} holds the class {twice[0]!r} in two splits, which may share none")
    return Found(root, names, files, splits)


def _folders(folder: Path, root: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in found:
        _check_inside(path, root)
    return found


def pictures_in(folder: Path, root: Path) -> tuple[Path, ...]:
    """The pictures of a folder. Raises ValueError for one without any, or with anything else in it."""
    entries = (path for path in folder.iterdir() if not path.name.startswith("."))
    found = sorted(path for path in entries if path.name.lower() not in LEFT_BEHIND)
    for path in found:
        _check_inside(path, root)
        if path.suffix.lower() not in FORMATS or not path.is_file():
            raise ValueError(f"{path} is no picture: a folder of pictures holds nothing but PNG, JPEG and WebP files")
    if not found:
        raise ValueError(f"{folder} holds no pictures: remove it, or fill it")
    return tuple(found)


def _check_inside(path: Path, root: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise ValueError(f"{path} is a link that leads out of {root}: put what it leads to in its place")


def _tables(root: Path) -> dict[int, Path]:
    """Split -> its table or list of classes; none unless there are those of training and of testing."""
    for place in TABLE_FOLDERS:
        names = (
            (split, root / place / f"{name}{end}") for name, split in SPLIT_NAMES.items() for end in (".csv", ".txt")
        )
        found = {split: path for split, path in names if path.is_file()}
        if 0 in found and 2 in found:
            return found
    return {}


def _of_table(root: Path, table: Path, split: int) -> list[Entry]:
    """The classes of a table of `filename,label`, or of a list of classes."""
    _check_inside(table, root)
    if table.stat().st_size > MOST_TABLE:
        raise ValueError(f"{table} is larger than {MOST_TABLE // 2**20} MB: it is no list of images")
    try:
        rows = [row for row in csv.reader(table.read_text(encoding="utf-8-sig").splitlines()) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table} could not be read as a table: {error}") from None
    bases = [root / name for name in (*INNER, "") if (root / name).is_dir()]
    if rows and {"filename", "label"} <= {*rows[0]}:
        return [(split, name, paths) for name, paths in _labelled(root, table, rows, bases).items()]
    found = []
    for name in (row[0].strip() for row in rows):
        at = next((base / name for base in bases if _is_plain(name) and (base / name).is_dir()), None)
        if at is None or len(rows[0]) != 1:
            raise ValueError(f"{table} names {name!r}, expected columns filename,label, or a folder of images a line")
        _check_inside(at, root)
        found.append((split, name, pictures_in(at, root)))
    return found


def _labelled(root: Path, table: Path, rows: list[list[str]], bases: list[Path]) -> dict[str, tuple[Path, ...]]:
    """Class -> its pictures, which lie in one folder or in one folder a class."""
    at_name, at_label = rows[0].index("filename"), rows[0].index("label")
    found: dict[str, list[Path]] = {}
    for row in rows[1:]:
        if len(row) != len(rows[0]) or not all(map(_is_plain, (row[at_name], row[at_label]))):
            raise ValueError(f"{table} holds the row {','.join(row)[:100]!r}, expected a file's name and its class")
        name, label = row[at_name], row[at_label]
        places = (place for base in bases for place in (base / name, base / label / name))
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise ValueError(f"{table} names {name!r}, which is not in {' or '.join(map(str, bases))}")
        _check_inside(path, root)
        _check_inside(path.parent, root)
        found.setdefault(label, []).append(path)
    return {label: tuple(sorted(paths)) for label, paths in found.items()}


def _is_plain(name: str) -> bool:
    """Whether a name of a table stays below the folder that it is joined to."""
    return bool(name) and "\0" not in name and not Path(name).is_absolute() and ".." not in Path(name).parts
