"""Untrusted models: an MJCF file is loaded only if it and every file that it names lie in its own folder.

MuJoCo loads whatever a model names: includes, meshes, textures and height fields from anywhere on the disk. Here the
text is checked first, by a parser that expands no entities. Refused is every name that could refer to a place outside
the folder: backslashes, which MuJoCo treats as slashes; `..`, which it resolves before links; and archives, in which it
looks for models. A folder that the user trusts by name (`trust`) takes the place of a model's own folder, and names
within it may hold `..`.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from envs.robots import bounds

FOLDERS = ("assetdir", "meshdir", "texturedir")  # attributes of `compiler`
FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")
MODELS = ("include", "model")  # elements whose file is MJCF again
MOST_BYTES, MOST_PLACES = 64 * 2**20, 20_000  # of all MJCF text, and of candidate locations of files; chosen


class _Model(NamedTuple):
    """The files and folders that one MJCF file names."""

    size: int
    files: set[tuple[str, str]]  # element and file
    folders: set[str]


_trusted: list[Path] = []  # folders that the user named


def trust(folder: Path) -> None:
    """Let models in a folder name files anywhere within it. Raises ValueError for what is no folder."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder, expected the one that holds a model and all of its files")
    _trusted.append(folder.resolve())


def trusted() -> list[Path]:
    """The folders that the user trusts."""
    return list(_trusted)


def checked(path: Path) -> Path:
    """The path of an MJCF file, links resolved, after checking that it names nothing outside its folder.

    Raises ValueError otherwise.
    """
    return _examined(path)[0]


def model_files(path: Path) -> list[Path]:
    """An MJCF file and all files that it names. Raises ValueError as `checked` does."""
    return sorted(_examined(path)[1])


def _examined(path: Path) -> tuple[Path, set[Path]]:
    """An MJCF file, links resolved, and all files that it names, itself included."""
    start = _resolved(path, path)
    root = next((root for root in _trusted if start.is_relative_to(root)), None)
    folder, left = root or start.parent, MOST_BYTES
    read, parents, below = (
        set[Path](),
        {start.parent},
        {""},
    )  # MuJoCo looks beside the first file and beside the file with the name
    named, found = set[tuple[str, str]](), set[tuple[str, str]]()  # elements and files; those that are there
    seen = set[tuple[tuple[str, str], Path, str]]()
    waiting, files = {start}, {start}
    while waiting:
        for file in sorted(waiting):
            model = _read(file, left, climbs=root is not None)
            left -= model.size
            read.add(file)
            parents.add(file.parent)
            below |= model.folders
            named |= model.files
        if len(named) * len(parents) * len(below) > MOST_PLACES:
            raise ValueError(f"{path} names too many files and folders (over {MOST_PLACES} combinations): use fewer")
        for parent, sub in itertools.product(parents, below):
            _resolved_inside(folder, path, parent / sub)
        for one in set(itertools.product(named, parents, below)) - seen:
            seen.add(one)
            (element, file_name), parent, sub = one
            place = _resolved_inside(folder, path, parent / sub / file_name)
            _resolved_inside(
                folder, path, parent / sub / PurePosixPath(file_name).name
            )  # with the compiler's `strippath`
            bounds.check_asset(path, place)
            if place.is_file():
                files.add(place)
            if element in MODELS and place.is_file():
                found.add((element, file_name))
                waiting.add(place)
        waiting -= read
    for element, file_name in named - found:
        if element in MODELS:
            raise ValueError(f"{path} names the model {file_name!r}, which does not exist: put it into {folder}")
    return start, files


def _resolved_inside(folder: Path, path: Path, named: Path) -> Path:
    """A path with links resolved; ValueError if it lies outside `folder`, also with `..` taken before links."""
    place = _resolved(path, named)
    for found in (place, _resolved(path, Path(os.path.normpath(named)))):
        if not found.is_relative_to(folder):
            raise ValueError(f"{path} refers to {found}, expected files within {folder}: put it there, or leave it out")
    return place


def _resolved(path: Path, place: Path) -> Path:
    try:
        place.exists()
        return place.resolve()
    except (OSError, RuntimeError) as error:  # of circular links, or a name that is too long
        raise ValueError(f"{path} refers to {str(place)[:200]!r}, which is not a valid path: {error}"[:500]) from None


def _checked_name(file: Path, name: str, *, climbs: bool) -> str:
    """A relative path without `..`, backslashes and spaces; ValueError for another name."""
    parts = PurePosixPath(name).parts
    if ".." in parts and not climbs:
        raise ValueError(
            f"{file} names {name[:200]!r}, expected files within its folder, without '..': put them there, or name the "
            "folder that holds them all with --trust-models FOLDER"
        )
    if name.startswith("/") or "\\" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise ValueError(
            f"{file} names {name[:200]!r}, expected files within its folder by a path from there, without "
            "backslashes or spaces"
        )
    return name


def _read(file: Path, most: int, *, climbs: bool) -> _Model:
    """The names in an MJCF file of up to `most` bytes."""
    roots: list[str] = []
    files, folders = set[tuple[str, str]](), set[str]()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"{file} declares a document type or entities, which are not allowed: remove them")

    def collect_names(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name)
        files.update(
            (name, _checked_name(file, attributes[key], climbs=climbs)) for key in FILES if attributes.get(key)
        )
        folders.update(_checked_name(file, attributes[key], climbs=climbs) for key in FOLDERS if key in attributes)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = collect_names
    try:
        if file.exists() and not file.is_file():
            raise ValueError(f"{file} is not a plain file, expected an MJCF model")
        with file.open("rb") as stream:
            text = stream.read(most + 1)
        if len(text) > most:
            raise ValueError(f"{file} and what it includes exceed {MOST_BYTES >> 20} MiB of text: make them smaller")
        parser.Parse(text, True)
        bounds.check_text(file, text)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except expat.ExpatError as error:
        raise ValueError(f"{file} is not XML ({error}), expected an MJCF model") from None
    if roots[0] not in ("mujoco", "mujocoinclude"):
        raise ValueError(f"{file} begins with <{roots[0]}>, expected an MJCF model, which begins with <mujoco>")
    return _Model(len(text), files, folders)
